"""versions of the policy, who proposed and who approved them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_version",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("version", sa.String(200), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.LargeBinary(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        comment="Policies with their files, append only: proposed, activated, or followed in the folder.",
    )
    op.create_index("policy_version_kind", "policy_version", ["kind", "number"])
    op.create_index("policy_version_version", "policy_version", ["version"])
    # What was decided before versions were kept is the first one, so that decisions on it can be replayed.
    op.execute(
        "INSERT INTO rights_version (patient_key, version, rights, changed_at)"
        " SELECT p.patient_key, p.version, p.rights, p.changed_at FROM patient_rights p"
        " WHERE NOT EXISTS (SELECT 1 FROM rights_version v"
        " WHERE v.patient_key = p.patient_key AND v.version = p.version)"
    )
