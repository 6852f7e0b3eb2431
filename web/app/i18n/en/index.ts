// The English texts, by area.
import { campaigns } from "./campaigns";
import { common } from "./common";
import { contacts } from "./contacts";
import { delivery } from "./delivery";
import { dkim } from "./dkim";
import { editor } from "./editor";
import { history } from "./history";
import { monitoring } from "./monitoring";
import { queueMail } from "./queue-mail";
import { recording } from "./recording";
import { report } from "./report";
import { resolve } from "./resolve";
import { rules } from "./rules";
import { search } from "./search";
import { settings } from "./settings";
import { shell } from "./shell";
import { trouble } from "./trouble";
import { warmUp } from "./warm-up";

export const en = {
  ...common,
  ...shell,
  campaigns,
  contacts,
  delivery,
  dkim,
  editor,
  history,
  monitoring,
  queueMail,
  recording,
  report,
  resolve,
  rules,
  search,
  settings,
  trouble,
  warmUp,
};
