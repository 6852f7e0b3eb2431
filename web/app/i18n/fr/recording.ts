// Les dialogues enregistrés à la demande.
export const recording = {
  begin: "Enregistrer le dialogue",
  begun: "Les dialogues de {{subject}} sont enregistrés",
  title: "Enregistrer les dialogues de {{subject}} ?",
  text: "Le dialogue SMTP de chaque tentative est gardé en entier à partir de maintenant, même quand tout va bien. Il se trouve dans l’historique de chaque destinataire ; les mots de passe n’y figurent jamais.",
  lastsLabel: "Pendant combien de temps",
  lasts: { "10m": "10 minutes", "30m": "30 minutes", "2h": "2 heures", "1d": "1 jour" },
  count: "Au plus tant de dialogues",
  listTitle: "Dialogues en cours d’enregistrement",
  listHint: "Ils se terminent d’eux-mêmes ; ce qu’ils ont gardé reste dans l’historique de chaque destinataire.",
  whose: "De qui",
  left: "Temps restant",
  taken: "Dialogues",
  takenOf: "{{taken}} sur {{most}}",
  latest: "Les derniers",
  end: "Terminer",
  ended: "Les dialogues de {{subject}} ne sont plus enregistrés",
};
