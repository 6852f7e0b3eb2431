// The mark of the house: a postmark, half stamp and half wave.
export function BrandMark({ size = 26 }: { size?: number }) {
  return (
    <svg aria-hidden="true" width={size} height={size} viewBox="0 0 32 32" style={{ flex: "none" }}>
      <rect width="32" height="32" rx="7" fill="#0f6070" />
      <g fill="none" stroke="#fff" strokeWidth={2} strokeLinecap="round">
        <circle cx={11.5} cy={16} r={6} />
        <path d="M20 11.500c1.700-1.500 3.300 1.500 5 0s2-.8 2.500-.6M21 16c1.600-1.500 3 1.500 4.600 0 .8-.7 1.400-.7 2-.4M20 20.500c1.700-1.500 3.300 1.500 5 0s2-.8 2.500-.6" />
      </g>
    </svg>
  );
}

/** The large postmark behind the login page. */
export function PostmarkArt() {
  const rings = [148, 138, 92];
  const waves = [-64, -38, -12, 14, 40, 66];
  return (
    <svg aria-hidden="true" viewBox="0 0 640 400" width="100%" height="100%" preserveAspectRatio="xMidYMid meet">
      <g fill="none" stroke="currentColor" strokeWidth={2.2} strokeLinecap="round">
        {rings.map((radius) => (
          <circle key={radius} cx={190} cy={200} r={radius} />
        ))}
        {waves.map((offset) => (
          <path
            key={offset}
            d={`M${345 - Math.abs(offset - 1) * 0.22} ${200 + offset}q22-14 44 0t44 0 44 0 44 0 44 0 44 0`}
          />
        ))}
      </g>
      <g fill="currentColor" style={{ fontWeight: 600, fontSize: 34, letterSpacing: "0.06em" }}>
        <text x={190} y={212} textAnchor="middle">
          iES
        </text>
      </g>
      <path id="postmark-arc" d="M76 200a114 114 0 0 1 228 0" fill="none" />
      <text fill="currentColor" style={{ fontWeight: 500, fontSize: 17, letterSpacing: "0.2em" }}>
        <textPath href="#postmark-arc" startOffset="50%" textAnchor="middle">
          CAMPAIGNS · DELIVERY
        </textPath>
      </text>
    </svg>
  );
}
