// Stands where there is no value. Card forms of tables leave such cells out.
export function Dash() {
  return <span className="muted dash">–</span>;
}
