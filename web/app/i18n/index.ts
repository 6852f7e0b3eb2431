// Texts in French and English. English is the shape; French is checked against it by the compiler.
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import type { Language } from "~/api/types";
import { readStored, writeStored } from "~/util/storage";
import { en } from "./en";

/** The same keys with any text; plural suffixes included. */
export type Translation<T> = { [K in keyof T]: T[K] extends string ? string : Translation<T[K]> };
export type Messages = typeof en;

const STORAGE_KEY = "ies.language";

export const LANGUAGES: { value: Language; label: string }[] = [
  { value: "en", label: "English" },
  { value: "fr", label: "Français" },
];

/** What was chosen before, else what the browser asks for, else English. */
export function detectLanguage(stored: string | null, wanted: readonly string[]): Language {
  const candidates = stored ? [stored, ...wanted] : wanted;
  for (const candidate of candidates) {
    const short = candidate.slice(0, 2).toLowerCase();
    if (short === "fr" || short === "en") return short;
  }
  return "en";
}

/** French counts a million as "many": the same words as "other" do. */
export function withMany(messages: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(messages)) {
    out[key] = typeof value === "object" && value !== null ? withMany(value as Record<string, unknown>) : value;
    if (key.endsWith("_other")) out[`${key.slice(0, -"_other".length)}_many`] = value;
  }
  return out;
}

async function loadFrench(): Promise<void> {
  if (i18next.hasResourceBundle("fr", "translation")) return;
  const { fr } = await import("./fr");
  i18next.addResourceBundle("fr", "translation", withMany(fr));
}

export async function startTexts(): Promise<void> {
  const language = detectLanguage(readStored(STORAGE_KEY), navigator.languages);
  await i18next.use(initReactI18next).init({
    resources: { en: { translation: en } },
    lng: language,
    fallbackLng: "en",
    partialBundledLanguages: true,
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
  });
  await changeLanguage(language);
}

export async function changeLanguage(language: Language): Promise<void> {
  if (language === "fr") await loadFrench();
  await i18next.changeLanguage(language);
  writeStored(STORAGE_KEY, language);
  document.documentElement.lang = language;
}

export function currentLanguage(): Language {
  return i18next.language === "fr" ? "fr" : "en";
}
