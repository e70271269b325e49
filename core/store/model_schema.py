"""The tables of models: how each ticket was masked for them, and what their fitness tests found."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.canonical import JsonObject
from core.store.schema import Base


class TicketMaskingRow(Base):
    """For which models a ticket was masked, and the loosest treatments that anything of it was shown with."""

    __tablename__ = "ticket_maskings"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    profile: Mapped[str] = mapped_column(String(16))
    shown: Mapped[JsonObject]


class ModelProbeRow(Base):
    """The last fitness test of one model at one endpoint."""

    __tablename__ = "model_probes"

    #: Without a login.
    url: Mapped[str] = mapped_column(String(200), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    report: Mapped[JsonObject]
    created_at: Mapped[datetime]
