// The mail of the running campaign.
export const AUTUMN_MJML = `<mjml>
  <mj-head>
    <mj-title>Autumn at Verrière</mj-title>
    <mj-attributes>
      <mj-all font-family="Helvetica, Arial, sans-serif" />
      <mj-text font-size="16px" line-height="1.55" color="#2a2520" />
    </mj-attributes>
  </mj-head>
  <mj-body background-color="#f3ede4">
    <mj-section background-color="#7a3b1d" padding="28px 24px">
      <mj-column>
        <mj-text font-size="26px" font-weight="700" color="#ffffff">Verrière</mj-text>
        <mj-text color="#f0d9c4">Autumn catalogue, for {{ contact.city | default: "you" }}</mj-text>
      </mj-column>
    </mj-section>
    <mj-section background-color="#ffffff" padding="28px 24px">
      <mj-column>
        <mj-text font-size="20px" font-weight="700">Hello {{ contact.name | default: "there" }},</mj-text>
        <mj-text>
          The evenings are getting longer. We have put together forty lamps that make
          them warmer, all of them made in our workshop in Lorraine.
        </mj-text>
        {% if contact.orders > 5 %}
        <mj-text><b>As a regular guest you get 15 % until Sunday.</b></mj-text>
        {% endif %}
        <mj-button href="https://verriere.example/automne" background-color="#7a3b1d" border-radius="4px">See the lamps</mj-button>
      </mj-column>
    </mj-section>
    <mj-section padding="18px 24px">
      <mj-column>
        <mj-text font-size="12px" color="#6d6359">
          You get this mail because you signed up in our shop.
          <a href="{{ unsubscribe_url }}">Unsubscribe</a>
        </mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
`;
