// A first mail to begin with: one column, greeting, button, the way to unsubscribe.
import type { ContentFormat } from "~/api/types";

const MJML = `<mjml>
  <mj-head>
    <mj-attributes>
      <mj-all font-family="Helvetica, Arial, sans-serif" />
      <mj-text font-size="16px" line-height="1.5" color="#1c2225" />
    </mj-attributes>
  </mj-head>
  <mj-body background-color="#f4f2ee">
    <mj-section background-color="#ffffff" padding="32px 24px">
      <mj-column>
        <mj-text font-size="24px" font-weight="700">Hello {{ contact.name | default: "there" }},</mj-text>
        <mj-text>Write here what this mail is about.</mj-text>
        <mj-button href="https://example.org/" background-color="#0f6070" border-radius="6px">Read more</mj-button>
      </mj-column>
    </mj-section>
    <mj-section padding="16px 24px">
      <mj-column>
        <mj-text font-size="12px" color="#5a6165">
          You get this mail because you signed up for it.
          <a href="{{ unsubscribe_url }}">Unsubscribe</a>
        </mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
`;

const HTML = `<!doctype html>
<html>
  <body style="font-family: Helvetica, Arial, sans-serif; color: #1c2225">
    <h1>Hello {{ contact.name | default: "there" }},</h1>
    <p>Write here what this mail is about.</p>
    <p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
  </body>
</html>
`;

const TEXT = `Hello {{ contact.name | default: "there" }},

Write here what this mail is about.

Unsubscribe: {{ unsubscribe_url }}
`;

export const STARTERS: Record<ContentFormat, string> = { mjml: MJML, html: HTML, text: TEXT };
