// The preview loads nothing from elsewhere, and asking for fonts all the same fills the console with refusals.

/** The mail without the web fonts that MJML asks Google for; the fonts named behind them are shown. */
export function withoutFonts(html: string): string {
  return html
    .replace(/<link\b[^>]*fonts\.googleapis\.com[^>]*>/gi, "")
    .replace(/@import\s+url\([^)]*fonts\.googleapis\.com[^)]*\);?/gi, "");
}
