/** Shortest password the program takes (`PASSWORD_LEN_MIN` of `crates/accounts`). */
export const PASSWORD_MIN = 12;
