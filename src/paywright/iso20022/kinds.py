"""Which messages there are, and what their bodies are called. Source: ISO 20022 catalogue."""

_KINDS = """
pain.001 CstmrCdtTrfInitn         credit transfers that a customer asks for
pain.002 CstmrPmtStsRpt           what a bank tells of payments that a customer asked for
pain.007 CstmrPmtRvsl             payments that a customer takes back
pain.008 CstmrDrctDbtInitn        direct debits that a customer asks for
pain.009 MndtInitnReq             a new mandate
pain.013 CdtrPmtActvtnReq         a creditor's request to be paid
pain.014 CdtrPmtActvtnReqStsRpt   what became of a creditor's request to be paid
pacs.002 FIToFIPmtStsRpt          what a bank tells another of payments
pacs.003 FIToFICstmrDrctDbt       direct debits between banks, for customers
pacs.004 PmtRtr                   payments that a bank returns
pacs.007 FIToFIPmtRvsl            payments that a bank takes back
pacs.008 FIToFICstmrCdtTrf        credit transfers between banks, for customers
pacs.009 FICdtTrf                 credit transfers of banks
pacs.028 FIToFIPmtStsReq          a bank's question what became of payments
camt.029 RsltnOfInvstgtn          what an investigation came to
camt.052 BkToCstmrAcctRpt         account report, within the day
camt.053 BkToCstmrStmt            account statement
camt.054 BkToCstmrDbtCdtNtfctn    notice of debits and credits
camt.055 CstmrPmtCxlReq           a customer's request to cancel payments
camt.056 FIToFIPmtCxlReq          a bank's request to cancel payments
"""
_ROWS = [line.split(maxsplit=2) for line in _KINDS.strip().splitlines()]

TITLES: dict[str, str] = {kind: title for kind, _, title in _ROWS}

# The second edition of the first messages named the body after the message.
BODIES: dict[str, str] = {body: kind for kind, body, _ in _ROWS} | {
    f"{kind}.001.{version}": kind
    for kind in ("pain.001", "pain.002", "pain.008")
    for version in ("01", "02")
}
