// Roles from the least to the most.
import type { Role } from "~/api/types";

export const ROLES: Role[] = ["viewer", "marketer", "operator", "admin"];
