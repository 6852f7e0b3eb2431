// From failures to what was said: all of the replies, or the history of the latest recipient, where the SMTP dialogue stands.
import { Button } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { latestRecipient } from "~/api/monitoring";
import { Icon } from "~/ui/Icon";
import classes from "./FailureLinks.module.css";
import { LinkButton } from "./links";
import { useToast } from "./useToast";

export function FailureLinks({ q }: { q: string }) {
  const { t } = useTranslation();
  return (
    <span className={classes.links}>
      <LinkButton
        variant="subtle"
        size="compact-sm"
        to="/monitoring/search"
        search={{ q, range: "24h" }}
        leftSection={<Icon name="search" size={13} />}
      >
        {t("monitoring.theseReplies")}
      </LinkButton>
      <DialogueButton q={q} />
    </span>
  );
}

function DialogueButton({ q }: { q: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const toast = useToast();
  const [busy, setBusy] = useState(false);
  const open = async () => {
    setBusy(true);
    try {
      const recipientId = await latestRecipient(q);
      if (recipientId) await navigate({ to: "/monitoring/recipients/$recipientId", params: { recipientId } });
      // Nothing in the last day: the search itself says so, and offers a longer time.
      else await navigate({ to: "/monitoring/search", search: { q, range: "7d" } });
    } catch (error) {
      toast.failed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button
      variant="subtle"
      size="compact-sm"
      loading={busy}
      onClick={() => void open()}
      leftSection={<Icon name="history" size={13} />}
    >
      {t("monitoring.oneDialogue")}
    </Button>
  );
}
