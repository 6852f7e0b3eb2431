// Mantine's looks on the router's typed links.
import { Anchor, type AnchorProps, Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import { type AnchorHTMLAttributes, forwardRef } from "react";

const AnchorBase = forwardRef<
  HTMLAnchorElement,
  AnchorProps & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof AnchorProps>
>((props, ref) => <Anchor ref={ref} {...props} />);
AnchorBase.displayName = "AnchorBase";

const ButtonBase = forwardRef<
  HTMLAnchorElement,
  ButtonProps & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof ButtonProps>
>((props, ref) => <Button component="a" ref={ref} {...props} />);
ButtonBase.displayName = "ButtonBase";

export const TextLink = createLink(AnchorBase);
export const LinkButton = createLink(ButtonBase);
