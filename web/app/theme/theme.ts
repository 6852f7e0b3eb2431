// The house theme: paper, ink and petrol. Colours live in tokens.css; here they are handed to Mantine.
import {
  Anchor,
  Button,
  type CSSVariablesResolver,
  createTheme,
  Drawer,
  type MantineColorsTuple,
  Modal,
  Paper,
  Popover,
  Tabs,
  Tooltip,
} from "@mantine/core";

const petrol: MantineColorsTuple = [
  "#eaf4f5",
  "#d5e7e9",
  "#a9ced3",
  "#7ab4bb",
  "#4f9ca6",
  "#2f8793",
  "#1b7480",
  "#0f6070",
  "#0b4f5d",
  "#083c47",
];
const stone: MantineColorsTuple = [
  "#faf9f7",
  "#f4f2ee",
  "#ebe8e2",
  "#dedad2",
  "#cbc6bb",
  "#a6a296",
  "#7f7d74",
  "#5f5e58",
  "#403f3b",
  "#262624",
];
const slate: MantineColorsTuple = [
  "#e6e8e6",
  "#bcc4c6",
  "#98a3a6",
  "#6a767a",
  "#3b454a",
  "#2c3438",
  "#1f262a",
  "#171c1f",
  "#111517",
  "#0b0e0f",
];
const brick: MantineColorsTuple = [
  "#fcefec",
  "#f6dcd6",
  "#ecb9af",
  "#e29384",
  "#d97462",
  "#cd5c48",
  "#bb4733",
  "#a63a29",
  "#882e20",
  "#692318",
];

export const fontMono =
  'ui-monospace, SFMono-Regular, "SF Mono", Menlo, "Cascadia Mono", Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace';
const fontSans =
  '-apple-system, "Segoe UI Variable Text", "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, system-ui, sans-serif';

export const theme = createTheme({
  primaryColor: "petrol",
  primaryShade: { light: 7, dark: 5 },
  colors: { petrol, gray: stone, dark: slate, red: brick },
  fontFamily: fontSans,
  fontFamilyMonospace: fontMono,
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.125rem" },
  fontWeights: { medium: "500" },
  headings: { fontFamily: fontSans, fontWeight: "650" },
  defaultRadius: "sm",
  radius: { xs: "3px", sm: "5px", md: "8px", lg: "12px", xl: "20px" },
  cursorType: "pointer",
  respectReducedMotion: true,
  focusRing: "auto",
  components: {
    Anchor: Anchor.extend({ defaultProps: { underline: "hover", inherit: true } }),
    Button: Button.extend({ defaultProps: { size: "xs" } }),
    Modal: Modal.extend({
      defaultProps: { centered: false, yOffset: "12vh", overlayProps: { backgroundOpacity: 0.45 } },
    }),
    Drawer: Drawer.extend({ defaultProps: { overlayProps: { backgroundOpacity: 0.45 } } }),
    Popover: Popover.extend({ defaultProps: { shadow: "md" } }),
    Paper: Paper.extend({ defaultProps: { withBorder: true } }),
    Tabs: Tabs.extend({ defaultProps: { keepMounted: false } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 300, withArrow: false, multiline: true, maw: 320 } }),
  },
});

/** Mantine's own variables follow the tokens, so that both schemes are written down once. */
export const resolver: CSSVariablesResolver = () => {
  const shared = {
    "--mantine-color-body": "var(--bg)",
    "--mantine-color-text": "var(--text)",
    "--mantine-color-dimmed": "var(--muted)",
    "--mantine-color-placeholder": "var(--muted)",
    "--mantine-color-default": "var(--surface)",
    "--mantine-color-default-hover": "var(--hover)",
    "--mantine-color-default-color": "var(--text)",
    "--mantine-color-default-border": "var(--border-strong)",
    "--mantine-color-anchor": "var(--accent-text)",
    "--mantine-color-error": "var(--bad-text)",
    "--mantine-primary-color-light": "var(--accent-soft)",
    "--mantine-primary-color-light-hover": "var(--accent-soft)",
    "--mantine-primary-color-light-color": "var(--accent-text)",
    "--mantine-color-petrol-light-color": "var(--accent-text)",
    "--mantine-color-petrol-text": "var(--accent-text)",
    "--mantine-color-red-light-color": "var(--bad-text)",
    "--mantine-color-red-outline": "var(--bad-text)",
  };
  return {
    variables: {},
    light: shared,
    dark: { ...shared, "--mantine-color-petrol-filled": "#1b7480", "--mantine-color-petrol-filled-hover": "#2f8793" },
  };
};
