// Keys of `t()` are checked against the English texts.
import "i18next";
import type { Messages } from "./index";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: Messages };
  }
}
