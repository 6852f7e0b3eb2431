// Saves a form on top of the version it was opened with. Where somebody else was faster nothing is written: a question says
// who and when, and offers to load theirs or to put the own changes on top. Nothing typed is lost meanwhile.
import { Button, Group, Modal, Text } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { isStale } from "~/api/errors";
import { useFormat } from "~/hooks/useFormat";
import { changesOf, clashesOf, withChanges } from "~/util/changes";

export interface Versioned {
  version: number;
  changed_at: string;
  changed_by: string;
}

export interface VersionedSave<Thing extends Versioned, Values extends object> {
  form: UseFormReturnType<Values>;
  /** The newest that the page knows. */
  current: Thing;
  valuesOf: (thing: Thing) => Values;
  /** Sends what changed, and the version that it is based on. */
  send: (change: Partial<Values> & { version: number }) => Promise<Thing>;
  /** Reads what is saved now. */
  read: () => Promise<Thing>;
  /** What is saved is known: after a save, and after loading what somebody else saved. */
  onKnown: (thing: Thing, by: "saved" | "loaded") => unknown;
  onError?: (error: unknown) => unknown;
  /** Name of a part of the form, for people. */
  label: (part: string) => string;
}

export function useVersionedSave<Thing extends Versioned, Values extends object>(of: VersionedSave<Thing, Values>) {
  const { form, current, valuesOf } = of;
  const [base, setBase] = useState(current);
  const [theirs, setTheirs] = useState<Thing | null>(null);
  /** What is saved is the base from now on; `kept` is what was changed on top of it. */
  const settle = (thing: Thing, kept: Partial<Values>) => {
    const saved = valuesOf(thing);
    setBase(thing);
    setTheirs(null);
    form.setValues(withChanges(saved, kept));
    form.resetDirty(saved);
  };
  const save = useMutation({
    mutationFn: async (onTopOf: Thing) => {
      const sent = structuredClone(form.getValues());
      const saved = await of.send({ ...changesOf(valuesOf(base), sent), version: onTopOf.version });
      return { saved, sent };
    },
    onSuccess: async ({ saved, sent }) => {
      settle(saved, changesOf(sent, form.getValues()));
      await of.onKnown(saved, "saved");
    },
    onError: async (error) => {
      if (isStale(error)) setTheirs(await of.read());
      else of.onError?.(error);
    },
  });
  // What came in newer, by a save of another part of the page or a look at the program, is taken over where that loses nothing.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what the page knows newly sets this off
  useEffect(() => {
    if (current.version <= base.version || save.isPending) return;
    const untouched = Object.keys(changesOf(valuesOf(base), form.getValues())).length === 0;
    if (untouched) settle(current, {});
    else if (Object.keys(changesOf(valuesOf(base), valuesOf(current))).length === 0) setBase(current);
  }, [current.version]);
  const dialog = theirs ? (
    <ChangedElsewhere
      theirs={theirs}
      clashes={clashesOf(valuesOf(base), form.getValues(), valuesOf(theirs)).map(of.label)}
      busy={save.isPending}
      onClose={() => setTheirs(null)}
      onReload={() => {
        settle(theirs, {});
        of.onKnown(theirs, "loaded");
      }}
      onKeep={() => save.mutate(theirs)}
    />
  ) : null;
  const error = save.error && !isStale(save.error) ? save.error : null;
  return { submit: () => save.mutate(base), busy: save.isPending, error, dialog };
}

interface ChangedElsewhereProps {
  theirs: Versioned;
  clashes: string[];
  busy: boolean;
  onClose: () => void;
  onReload: () => void;
  onKeep: () => void;
}

function ChangedElsewhere({ theirs, clashes, busy, onClose, onReload, onKeep }: ChangedElsewhereProps): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const who = theirs.changed_by || t("changed.import");
  return (
    <Modal opened onClose={onClose} title={t("changed.title")} closeButtonProps={{ "aria-label": t("actions.close") }}>
      <Text size="sm">{t("changed.text", { who, time: format.full(theirs.changed_at) })}</Text>
      <Text size="sm" mt="xs">
        {t("changed.keepMeans", { who })}
      </Text>
      {clashes.length > 0 ? (
        <Text size="sm" mt="xs" fw={600}>
          {t("changed.clash", { parts: clashes.join(", ") })}
        </Text>
      ) : null}
      <Group justify="flex-end" mt="lg" gap="xs">
        <Button variant="default" size="sm" onClick={onClose} data-autofocus>
          {t("changed.goOn")}
        </Button>
        <Button variant="default" size="sm" onClick={onReload} disabled={busy}>
          {t("changed.reload")}
        </Button>
        <Button size="sm" onClick={onKeep} loading={busy}>
          {t("changed.keep")}
        </Button>
      </Group>
    </Modal>
  );
}
