"""What the codes of a bank's answer mean, in words.

Source: ISO 20022 external code sets, of status reasons and of the statuses of groups and
transactions: their names, in our words.
"""

_STATUSES = """
ACCC settled, the creditor has the money
ACCP accepted: the form and the customer were checked
ACFC accepted: there is enough money
ACFW there is enough money, a confirmation is missing
ACIS accepted, and a cheque was issued
ACPD accepted, part of it is still to be done
ACSC settled, the debtor's account was debited
ACSP accepted, and under way
ACTC accepted: the form was checked
ACWC accepted with a change
ACWP accepted, and not yet credited
BLCK blocked
CANC canceled
CPUC cash was picked up
PART accepted in part
PATC more people have to sign
PDNG pending
PRES shown to the debtor
RCVC received, and the payee's name fits
RCVD received
RJCT rejected
RVCM received, and the name of a payee does not fit
RVMC received, and the payee's name nearly fits
RVNA received, and the payee's name could not be checked
RVNC received, and payees are still being checked
"""
_REASONS = """
AB01 aborted: clearing took too long
AB02 aborted: clearing made an error
AB03 aborted: settlement took too long
AB04 aborted: settlement made an error
AB05 the creditor's bank took too long
AB06 the instructed bank took too long
AB07 a bank is not online
AB08 the creditor's bank is not online
AB09 the creditor's bank made an error
AB10 the instructed bank made an error
AB11 the debtor's bank took too long
AC01 account number wrong or missing
AC02 debtor's account number wrong or missing
AC03 creditor's account number wrong or missing
AC04 account closed
AC05 debtor's account closed
AC06 account blocked
AC07 creditor's account closed
AC08 branch code wrong or missing
AC09 account's currency wrong or missing
AC10 debtor's account has another currency
AC11 creditor's account has another currency
AC12 type of account wrong or missing
AC13 type of debtor's account wrong or missing
AC14 type of creditor's account wrong or missing
AC15 the account has changed
AC16 card number wrong
AG01 not allowed on this type of account
AG02 operation code wrong
AG03 this kind of transaction is not supported
AG04 bank's country wrong or missing
AG05 country of debtor's bank wrong or missing
AG06 country of creditor's bank wrong or missing
AG07 the debtor's account cannot be debited
AG08 the user has no right to this
AG09 the payment never arrived
AG10 a bank is suspended
AG11 the creditor's bank is suspended
AG12 not allowed within one bank
AGNT bank wrong or missing
AM01 amount is zero
AM02 amount above a limit
AM03 currency not agreed on
AM04 not enough money
AM05 duplicate
AM06 amount below the least
AM07 amount blocked by an authority
AM09 another amount than agreed
AM10 sum of amounts does not fit
AM11 currency wrong or missing
AM12 amount wrong or missing
AM13 amount above a limit of clearing
AM14 amount above what was agreed
AM15 amount below the least of clearing
AM16 control sum of the group wrong or missing
AM17 control sum of the block wrong or missing
AM18 number of transactions wrong or missing
AM19 number of transactions of the group wrong or missing
AM20 number of transactions of the block wrong or missing
AM21 amount above what bank and customer agreed on
AM22 zero is not allowed for this account
AM23 amount above what can be settled
BE01 name and account do not belong together
BE04 creditor's address wrong or missing
BE05 initiating party not known
BE06 end customer not known
BE07 debtor's address wrong or missing
BE08 debtor's name missing
BE09 country wrong or missing
BE10 debtor's country wrong or missing
BE11 creditor's country wrong or missing
BE12 country of residence wrong or missing
BE13 debtor's country of residence wrong or missing
BE14 creditor's country of residence wrong or missing
BE15 identification wrong or missing
BE16 debtor's identification wrong or missing
BE17 creditor's identification wrong or missing
BE18 contact details wrong or missing
BE19 charge bearer wrong
BE20 name too long
BE21 name wrong or missing
BE22 creditor's name missing
BE23 alias of the account not known
CH03 date too far in the future
CH04 date too far in the past
CH10 control sum not allowed here
CH11 creditor's id wrong
CH12 creditor's id not allowed here
CH14 element not allowed here
CH15 remittance information too long
CH16 content does not fit the element
CH17 element not allowed
CH19 transactions stand where none belong
CH20 decimals do not fit the currency
CH21 a mandatory element is missing
CH22 direct debits of two schemes in one message
CNOR creditor's bank is not registered
CURR currency wrong
CUST the debtor asked for it
DNOR debtor's bank is not registered
DS02 the order was canceled
DS24 nobody signed in time
DS25 the file was deleted
DT01 date wrong
DT02 creation date wrong
DT03 not a day on which banks work
DT04 a future date is not supported
DT05 cut-off date was missed
DT06 the date was changed
DU01 message id used before
DU02 id of a block used before
DU03 transaction used before
DU04 end-to-end id used before
DU05 instruction id used before
DUPL duplicate
ED01 there is no correspondent bank
ED03 balance asked for
ED05 settlement failed
ED06 settlement system not available
ERIN extended remittance information not supported
FF01 file format wrong or incomplete
FF02 syntax wrong
FF03 payment type wrong or missing
FF04 service level wrong or missing
FF05 local instrument wrong or missing
FF06 category purpose wrong or missing
FF07 purpose wrong or missing
FF08 end-to-end id wrong or missing
FF09 cheque number wrong or missing
FF10 the bank's system failed
FF11 clearing aborted it
FOCR follows a request for cancellation
FR01 fraud
FRAD fraud
INDT details not valid here
MD01 no mandate
MD02 mandate lacks details
MD05 should not have been collected
MD06 the end customer asked for the money back
MD07 end customer has died
MS02 the customer gave no reason
MS03 the bank gave no reason
NARR see the text
NOAS no answer from the beneficiary
RC01 bank identifier wrong
RC02 bank identifier wrong or missing
RC03 identifier of debtor's bank wrong or missing
RC04 identifier of creditor's bank wrong or missing
RC05 BIC wrong or missing
RC06 BIC of debtor's bank wrong or missing
RC07 BIC of creditor's bank wrong or missing
RC08 clearing member id wrong or missing
RC09 clearing member id of debtor's bank wrong or missing
RC10 clearing member id of creditor's bank wrong or missing
RC11 intermediary bank wrong or missing
RF01 transaction reference is not unique
RR01 the law asks for debtor's account or id
RR02 the law asks for debtor's name or address
RR03 the law asks for creditor's name or address
RR04 regulatory reason
RR05 regulatory details wrong or missing
RR06 tax details wrong or missing
RR07 remittance structure not allowed here
RR08 remittance information cut off
RR09 creditor's reference wrong or missing
RR10 characters not allowed
RR11 bank's own service wrong or missing
RR12 an identification that the country asks for is missing
SL01 a service of debtor's bank forbids it
SL02 a service of creditor's bank forbids it
SL11 creditor is not on debtor's list of allowed ones
SL12 creditor is on debtor's list of forbidden ones
SL13 too many direct debits in the period
SL14 direct debit above debtor's limit
TA01 transmission was broken off
TD01 no data
TD02 file cannot be read
TD03 file is incomplete
TM01 received after the cut-off time
TS01 transmission failed
TS04 waits for a signature on paper
UTNV transaction not found
"""


def _table(rows: str) -> dict[str, str]:
    return dict(row.split(maxsplit=1) for row in rows.strip().splitlines())


STATUSES = _table(_STATUSES)
REASONS = _table(_REASONS)


def status_in_words(code: str | None) -> str:
    """`RJCT (rejected)`. A code that is not in the table is a bank's own."""
    return _in_words(code, STATUSES)


def reason_in_words(code: str | None) -> str:
    return _in_words(code, REASONS)


def _in_words(code: str | None, table: dict[str, str]) -> str:
    if code is None:
        return "none given"
    return f"{code} ({table[code]})" if code in table else code
