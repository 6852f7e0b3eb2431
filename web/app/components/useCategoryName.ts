// Bounce categories in words; one that is not known yet keeps its own name.
import { useTranslation } from "react-i18next";

export function useCategoryName(): (category: string | null | undefined) => string {
  const { t, i18n } = useTranslation();
  return (category) => {
    if (!category) return "–";
    const key = `category.${category}`;
    return i18n.exists(key) ? (t as (key: string) => string)(key) : category;
  };
}
