// "Why is this waiting?": the limiter of one recipient, its value, who set it, and when the next chance is.
import { Button, Group, Modal, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { explainQuery } from "~/api/delivery";
import type { Explanation, Limiter } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { KeyValue } from "~/ui/KeyValue";
import { ControlButton } from "./ControlButton";
import classes from "./ExplainDialog.module.css";
import { LastReplyText } from "./LastReplyText";
import { Loaded } from "./Loaded";
import { TextLink } from "./links";
import { Time } from "./Time";

export interface ExplainDialogProps {
  /** Empty text: asks for the id first. Undefined: closed. */
  recipient: string | undefined;
  onAsk: (recipient: string) => void;
  onClose: () => void;
}

export function ExplainDialog({ recipient, onAsk, onClose }: ExplainDialogProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  return (
    <Modal
      opened={recipient !== undefined}
      onClose={onClose}
      title={t("delivery.explainTitle")}
      size="lg"
      closeButtonProps={{ "aria-label": t("actions.close") }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim()) onAsk(typed.trim().toLowerCase());
        }}
      >
        <Group align="flex-end" gap="xs" mb="md">
          <TextInput
            style={{ flex: 1, minWidth: 200 }}
            label={t("delivery.explainField")}
            description={t("delivery.explainHint")}
            value={typed || recipient || ""}
            onChange={(event) => setTyped(event.currentTarget.value)}
            spellCheck={false}
            data-autofocus
          />
          <Button type="submit" size="sm" variant="default">
            {t("delivery.explainAsk")}
          </Button>
        </Group>
      </form>
      {recipient ? <Answer recipient={recipient} /> : null}
    </Modal>
  );
}

function Answer({ recipient }: { recipient: string }) {
  const query = useQuery(explainQuery(recipient));
  return (
    <Loaded query={query} lines={4}>
      {(answer) => <Explained answer={answer} />}
    </Loaded>
  );
}

function Explained({ answer }: { answer: Explanation }) {
  const { t } = useTranslation();
  const format = useFormat();
  const moment = (at: string) => (
    <>
      <Time at={at} /> ({format.relative(at)})
    </>
  );
  const facts: { label: string; value: ReactNode }[] = [
    { label: t("delivery.explainState"), value: t(`delivery.states.${answer.held ? "held" : answer.state}`) },
    { label: t("delivery.domain"), value: answer.domain },
    { label: t("delivery.attempts"), value: format.number(answer.attempts) },
  ];
  if (answer.next_at) facts.push({ label: t("delivery.nextAt"), value: moment(answer.next_at) });
  if (answer.ahead !== null) facts.push({ label: t("delivery.ahead"), value: format.number(answer.ahead) });
  facts.push({ label: t("delivery.expires"), value: moment(answer.expires_at) });
  if (answer.source && answer.site) {
    facts.push({
      label: t("delivery.path"),
      value: (
        <TextLink to="/delivery/queues/$source/$site" params={{ source: answer.source, site: answer.site }}>
          {answer.source} → {answer.site}
        </TextLink>
      ),
    });
  }
  if (answer.last_reply)
    facts.push({ label: t("delivery.lastReply"), value: <LastReplyText last={answer.last_reply} /> });
  return (
    <div className={classes.answer}>
      {answer.limiter ? (
        <LimiterText limiter={answer.limiter} main />
      ) : (
        <p className={classes.sentence}>{t(`delivery.states.${answer.state}`)}</p>
      )}
      <KeyValue items={facts} />
      {answer.also.length > 0 ? (
        <>
          <p className={classes.also}>{t("delivery.also")}</p>
          {answer.also.map((limiter) => (
            <LimiterText key={limiter.kind + limiter.text} limiter={limiter} />
          ))}
        </>
      ) : null}
      <Group gap="xs" mt="md">
        <TextLink to="/monitoring/recipients/$recipientId" params={{ recipientId: answer.recipient }}>
          {t("delivery.history")}
        </TextLink>
        <ControlButton kind="recipient" name={answer.recipient} action={answer.held ? "release" : "hold"} />
        <ControlButton kind="recipient" name={answer.recipient} action="cancel" />
      </Group>
    </div>
  );
}

function LimiterText({ limiter, main = false }: { limiter: Limiter; main?: boolean }) {
  const { t } = useTranslation();
  return (
    <div className={main ? classes.main : classes.minor}>
      <b>
        {t(`delivery.limiters.${limiter.kind}`)}
        {limiter.value ? `: ${limiter.value}` : ""}
      </b>
      <p>{limiter.text}</p>
      <p className="muted">
        {t("delivery.setByWhom", { by: limiter.set_by })}
        {limiter.until ? (
          <>
            {" · "}
            {t("delivery.until", { time: "" })}
            <Time at={limiter.until} />
          </>
        ) : null}
      </p>
    </div>
  );
}
