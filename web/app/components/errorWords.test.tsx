// Refusals of the program in the language of the page.
import { renderHook } from "@testing-library/react";
import { expect, it } from "vitest";
import { ApiError } from "~/api/errors";
import { changeLanguage, startTexts } from "~/i18n";
import { useErrorWords } from "./useErrorWords";

const refused = (status: number, code: string, message: string) => new ApiError(status, { code, message });

it.each([
  ["en", refused(400, "invalid", '"name" is missing.'), '"name" is missing.'],
  [
    "fr",
    refused(400, "invalid", '"name" is missing.'),
    'Quelque chose dans la demande ne convient pas. Le programme précise (en anglais) : "name" is missing.',
  ],
  ["fr", refused(403, "forbidden", "Your role or key does not allow this."), "Votre rôle ne le permet pas."],
  [
    "fr",
    refused(500, "internal", "Something broke here."),
    "Une panne s’est produite dans le programme ; son journal dit laquelle.",
  ],
  ["fr", refused(418, "something-new", "Said in English."), "Said in English."],
] as const)("%s %s", async (language, error, words) => {
  await startTexts();
  await changeLanguage(language);
  expect(renderHook(() => useErrorWords()).result.current(error)).toBe(words);
});
