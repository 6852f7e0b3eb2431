// What the role of the person allows to show. The program decides; this only hides what it would refuse.
import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "~/api/session";
import type { Role } from "~/api/types";

export interface Permissions {
  campaigns: boolean;
  delivery: boolean;
  admin: boolean;
}

/** Source of the rules: the authorisation table of `crates/api`. */
export function permissionsOf(role: Role | undefined): Permissions {
  return {
    campaigns: role === "marketer" || role === "admin",
    delivery: role === "operator" || role === "admin",
    admin: role === "admin",
  };
}

export function usePermissions(): Permissions {
  const { data } = useQuery(sessionQuery);
  return permissionsOf(data?.role);
}
