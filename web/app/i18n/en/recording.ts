// Dialogues that are recorded on demand.
export const recording = {
  begin: "Record the dialogue",
  begun: "Dialogues of {{subject}} are recorded",
  title: "Record the dialogues of {{subject}}?",
  text: "The whole SMTP dialogue of every attempt is kept from now on, also where it goes well. It stands in the history of each recipient; passwords are never part of it.",
  lastsLabel: "For how long",
  lasts: { "10m": "10 minutes", "30m": "30 minutes", "2h": "2 hours", "1d": "1 day" },
  count: "At most so many dialogues",
  listTitle: "Dialogues being recorded",
  listHint: "They end by themselves; what they have taken stays in the history of each recipient.",
  whose: "Whose",
  left: "Time left",
  taken: "Dialogues",
  takenOf: "{{taken}} of {{most}}",
  latest: "The last ones",
  end: "End",
  ended: "Dialogues of {{subject}} are not recorded any more",
};
