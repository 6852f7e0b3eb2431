// Light to dark and back, from what is shown now.
import { useComputedColorScheme, useMantineColorScheme } from "@mantine/core";

export function useToggleScheme(): () => void {
  const { setColorScheme } = useMantineColorScheme();
  const shown = useComputedColorScheme("light");
  return () => setColorScheme(shown === "dark" ? "light" : "dark");
}
