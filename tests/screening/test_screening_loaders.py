"""Lists in the formats they are published in. All names are invented."""

import gzip
from pathlib import Path

import pytest

from paywright.screening.loaders import sources
from paywright.screening.loaders.formats import format_of, name_of, read_list
from paywright.screening.loaders.parsed import ListTooLarge, ListUnreadable, Parsed
from paywright.screening.loaders.remarks import read_remarks
from paywright.screening.loaders.sources import from_bytes, opened
from paywright.screening.loaders.words import date_of, dates_of, separated
from paywright.screening.model import Alias, Entry, EntryKind

PUBLISHED = Path(__file__).parents[3] / "shared/testdata/06_sanctions"

SDN = """\
101,"VEXLEY, Zoltan","individual","DEMO] [DEMO2",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"DOB 07 Oct \
1957; alt. DOB circa 1958; nationality Korea, North; Passport HX 4471-902 (Hungary); \
a.k.a. 'OLD ZED'; Linked To: GLIMMER"
102,"GLIMMERSTADT GMBH",-0- ,"DEMO",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \n\
103,"QUILLFISH","vessel","DEMO",-0- ,-0- ,-0- ,-0- ,-0- ,Liberia,-0- ,"Vessel Registration \
Identification IMO 9990023."
\x1a
"""
ALT = '101,9,"aka","VEKSLI, Zoltan",-0- \n102,10,"fka","GLIMMER AG",-0- \n'
ADD = '101,7,"1 Nowhere","Budapest","Hungary",-0- \n102,8,-0- ,-0- ,"Austria",-0- \n'
COMMENTS = '101,"HANDELS; citizen Russia."\n'

SDN_XML = """<?xml version="1.0" standalone="yes"?>
<sdnList xmlns="http://tempuri.org/sdnList.xsd"><publshInformation/>
<sdnEntry><uid>101</uid><firstName>Zoltan</firstName><lastName>VEXLEY</lastName>
 <sdnType>Individual</sdnType><programList><program>DEMO</program></programList>
 <idList><id><uid>1</uid><idType>Passport</idType><idNumber>HX 4471902</idNumber></id>
  <id><uid>2</uid><idType>Gender</idType><idNumber>Male</idNumber></id></idList>
 <akaList><aka><uid>3</uid><type>a.k.a.</type><category>weak</category><lastName>ZED</lastName></aka>
  <aka><uid>4</uid><category>strong</category><lastName>VEKSLI</lastName></aka></akaList>
 <addressList><address><uid>5</uid><country>Austria</country></address></addressList>
 <nationalityList><nationality><country>Hungary</country></nationality></nationalityList>
 <dateOfBirthList><dateOfBirthItem><dateOfBirth>07 Oct 1957</dateOfBirth></dateOfBirthItem>
 </dateOfBirthList></sdnEntry>
<sdnEntry><uid>103</uid><lastName>QUILLFISH</lastName><sdnType>Vessel</sdnType>
 <vesselInfo><vesselFlag>Liberia</vesselFlag></vesselInfo></sdnEntry>
<sdnEntry><uid>104</uid></sdnEntry>
</sdnList>"""

ADVANCED = """<?xml version="1.0" encoding="utf-8"?>
<Sanctions xmlns="http://www.un.org/sanctions/1.0">
<DateOfIssue><Year>2026</Year></DateOfIssue>
<ReferenceValueSets>
 <CountryValues><Country ID="11" ISO2="HU">Hungary</Country></CountryValues>
 <FeatureTypeValues><FeatureType ID="8">Birthdate</FeatureType>
  <FeatureType ID="10">Nationality Country</FeatureType>
  <FeatureType ID="25">Location</FeatureType></FeatureTypeValues>
 <NamePartTypeValues><NamePartType ID="1520">Last Name</NamePartType>
  <NamePartType ID="1521">First Name</NamePartType>
  <NamePartType ID="1526">Vessel Name</NamePartType></NamePartTypeValues>
 <PartySubTypeValues><PartySubType ID="1" PartyTypeID="4">Vessel</PartySubType>
  <PartySubType ID="4" PartyTypeID="1">Unknown</PartySubType></PartySubTypeValues>
 <PartyTypeValues><PartyType ID="1">Individual</PartyType><PartyType ID="4">Transport</PartyType>
 </PartyTypeValues>
 <SanctionsTypeValues><SanctionsType ID="1">Program</SanctionsType>
  <SanctionsType ID="2">Block</SanctionsType></SanctionsTypeValues>
 <DetailReferenceValues><DetailReference ID="7">Russia</DetailReference></DetailReferenceValues>
</ReferenceValueSets>
<Locations><Location ID="77"><LocationCountry CountryID="11"/></Location></Locations>
<IDRegDocuments><IDRegDocument ID="1" IdentityID="501"><IDRegistrationNo>HX 4471902
</IDRegistrationNo></IDRegDocument></IDRegDocuments>
<DistinctParties>
 <DistinctParty FixedRef="101"><Comment>a remark</Comment><Profile ID="101" PartySubTypeID="4">
  <Identity ID="501" Primary="true">
   <Alias AliasTypeID="1403" Primary="true" LowQuality="false"><DocumentedName ID="1">
    <DocumentedNamePart><NamePartValue NamePartGroupID="61">Zoltan</NamePartValue>
    </DocumentedNamePart><DocumentedNamePart><NamePartValue NamePartGroupID="60">VEXLEY
    </NamePartValue></DocumentedNamePart></DocumentedName>
    <DocumentedName ID="2"><DocumentedNamePart><NamePartValue NamePartGroupID="60">Векслей
    </NamePartValue></DocumentedNamePart></DocumentedName></Alias>
   <Alias AliasTypeID="1400" Primary="false" LowQuality="true"><DocumentedName ID="3">
    <DocumentedNamePart><NamePartValue NamePartGroupID="60">ZED</NamePartValue>
    </DocumentedNamePart></DocumentedName></Alias>
   <NamePartGroups><MasterNamePartGroup><NamePartGroup ID="60" NamePartTypeID="1520"/>
    </MasterNamePartGroup><MasterNamePartGroup><NamePartGroup ID="61" NamePartTypeID="1521"/>
    </MasterNamePartGroup></NamePartGroups>
  </Identity>
  <Feature ID="1" FeatureTypeID="8"><FeatureVersion ID="1"><DatePeriod>
   <Start><From><Year>1957</Year><Month>10</Month><Day>7</Day></From></Start>
   <End><To><Year>1957</Year><Month>10</Month><Day>7</Day></To></End></DatePeriod>
   </FeatureVersion></Feature>
  <Feature ID="2" FeatureTypeID="8"><FeatureVersion ID="2"><DatePeriod>
   <Start><From><Year>1958</Year><Month>1</Month><Day>1</Day></From></Start>
   <End><To><Year>1958</Year><Month>12</Month><Day>31</Day></To></End></DatePeriod>
   </FeatureVersion></Feature>
  <Feature ID="3" FeatureTypeID="10"><FeatureVersion ID="3"><VersionDetail DetailReferenceID="7"/>
   </FeatureVersion></Feature>
  <Feature ID="4" FeatureTypeID="25"><FeatureVersion ID="4"><VersionLocation LocationID="77"/>
   </FeatureVersion></Feature>
 </Profile></DistinctParty>
 <DistinctParty FixedRef="103"><Profile ID="103" PartySubTypeID="1"><Identity ID="503">
  <Alias Primary="true"><DocumentedName><DocumentedNamePart>
   <NamePartValue NamePartGroupID="62">QUILLFISH</NamePartValue></DocumentedNamePart>
  </DocumentedName></Alias><NamePartGroups><MasterNamePartGroup>
  <NamePartGroup ID="62" NamePartTypeID="1526"/></MasterNamePartGroup></NamePartGroups>
 </Identity></Profile></DistinctParty>
</DistinctParties>
<SanctionsEntries><SanctionsEntry ID="1" ProfileID="101"><SanctionsMeasure SanctionsTypeID="1">
 <Comment>DEMO</Comment></SanctionsMeasure><SanctionsMeasure SanctionsTypeID="2"/></SanctionsEntry>
</SanctionsEntries></Sanctions>"""

UN = """<?xml version="1.0" encoding="UTF-8"?>
<CONSOLIDATED_LIST dateGenerated="2026-01-01"><INDIVIDUALS><INDIVIDUAL><DATAID>690</DATAID>
 <FIRST_NAME>ZOLTAN</FIRST_NAME><SECOND_NAME>ARVID</SECOND_NAME><THIRD_NAME>VEXLEY</THIRD_NAME>
 <UN_LIST_TYPE>DEMO</UN_LIST_TYPE><REFERENCE_NUMBER>DMi.001</REFERENCE_NUMBER>
 <NAME_ORIGINAL_SCRIPT>Золтан Векслей</NAME_ORIGINAL_SCRIPT>
 <NATIONALITY><VALUE>Iran (Islamic Republic of)</VALUE></NATIONALITY>
 <INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Z. VEKSLI</ALIAS_NAME></INDIVIDUAL_ALIAS>
 <INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>ZED; OLD ZED</ALIAS_NAME></INDIVIDUAL_ALIAS>
 <INDIVIDUAL_ALIAS><QUALITY/><ALIAS_NAME/></INDIVIDUAL_ALIAS>
 <INDIVIDUAL_ADDRESS><COUNTRY>Austria</COUNTRY></INDIVIDUAL_ADDRESS>
 <INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE><DATE>1957-10-07</DATE>
 </INDIVIDUAL_DATE_OF_BIRTH><INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE>
 <FROM_YEAR>1960</FROM_YEAR><TO_YEAR>1962</TO_YEAR></INDIVIDUAL_DATE_OF_BIRTH>
 <INDIVIDUAL_DOCUMENT><TYPE_OF_DOCUMENT>Passport</TYPE_OF_DOCUMENT><NUMBER>HX 4471902</NUMBER>
 </INDIVIDUAL_DOCUMENT><INDIVIDUAL_DOCUMENT><NUMBER>Orvanian passport number XA 123456, lost in 2009
 </NUMBER></INDIVIDUAL_DOCUMENT></INDIVIDUAL></INDIVIDUALS>
<ENTITIES><ENTITY><DATAID>691</DATAID><FIRST_NAME>TWELFTH LANTERN</FIRST_NAME>
 <ENTITY_ALIAS><QUALITY>a.k.a.</QUALITY><ALIAS_NAME>LANTERN 12</ALIAS_NAME></ENTITY_ALIAS>
</ENTITY></ENTITIES></CONSOLIDATED_LIST>"""

OPENSANCTIONS = '''\
id,schema,name,aliases,birth_date,countries,addresses,identifiers,sanctions,phones,emails,program_ids,dataset
NK-1,Person,Zoltan Vexley,"Векслей;""Vexley; the elder""",1957-10-07,hu;ru,,HX 4471902,,,,DEMO,demo
NK-2,Vessel,Quillfish,,,lr,,9990023,,,,,demo
NK-3,LegalEntity,,,,,,,,,,,demo
'''
OWN = """\
id,name,kind,aliases,birth_date,country,programs,identifiers
d1,"VEXLEY, Zoltan",person,Векслей;VEKSLI,1957-10,Hungary;ru,DEMO,hx-44 71902
d2,GLIMMERSTADT,,,,,,
d3,BAD KIND,spaceship,,,,,
d4,BAD DATE,person,,soon,,,
d1,TWICE,person,,,,,
"""
DENIED = (
    '"Name"\t"Street_Address"\t"City"\t"State"\t"Country"\t"Postal_Code"\t"Effective_Date"\t'
    '"Expiration_Date"\n"ZOLTAN VEXLEY"\t"1 NOWHERE"\t"X"\t""\t"HU"\t""\t"06/19/2003"\t""\n'
    '"ZOLTAN VEXLEY"\t"1 NOWHERE"\t"X"\t""\t"HU"\t""\t"06/19/2003"\t""\n'
)


def read(content: str | bytes, **options: str) -> Parsed:
    raw = content.encode() if isinstance(content, str) else content
    return read_list(from_bytes("list.csv", raw), name="demo", **options)


def by_id(parsed: Parsed) -> dict[str, Entry]:
    return {entry.id: entry for entry in parsed.entries}


@pytest.fixture
def sdn(tmp_path: Path) -> Path:
    (tmp_path / "sdn.csv").write_text(SDN)
    (tmp_path / "ALT.CSV").write_text(ALT)
    (tmp_path / "add.csv.gz").write_bytes(gzip.compress(ADD.encode()))
    (tmp_path / "sdn_comments.csv").write_text(COMMENTS)
    return tmp_path / "sdn.csv"


def test_ofac_tables_are_read_with_what_lies_beside_them(sdn: Path) -> None:
    with opened(sdn) as source:
        parsed = read_list(source, name=name_of(source))
    assert (parsed.format, parsed.damaged) == ("ofac-csv", [])
    entries = by_id(parsed)
    assert entries["101"] == Entry(
        list="sdn",
        id="101",
        kind=EntryKind.PERSON,
        name="VEXLEY, Zoltan",
        aliases=[Alias("VEKSLI, Zoltan"), Alias("OLD ZED", is_weak=True)],
        birth_dates=["1957-10-07", "1958"],
        countries=["kp", "ru", "hu"],
        identifiers=["HX4471902"],
        programs=["DEMO", "DEMO2"],
        remarks=entries["101"].remarks,
    )
    assert "Linked To: GLIMMERHANDELS" in entries["101"].remarks
    assert entries["102"].kind is EntryKind.ORGANIZATION
    assert entries["102"].aliases == [Alias("GLIMMER AG")]
    assert entries["102"].remarks == ""
    assert entries["103"].kind is EntryKind.VESSEL
    assert (entries["103"].countries, entries["103"].identifiers) == (["lr"], ["9990023"])


def test_ofac_xml() -> None:
    parsed = read(SDN_XML)
    assert parsed.format == "ofac-xml"
    entries = by_id(parsed)
    assert entries["101"] == Entry(
        list="demo",
        id="101",
        kind=EntryKind.PERSON,
        name="VEXLEY, Zoltan",
        aliases=[Alias("ZED", is_weak=True), Alias("VEKSLI")],
        birth_dates=["1957-10-07"],
        countries=["hu", "at"],
        identifiers=["HX4471902"],
        programs=["DEMO"],
    )
    assert entries["103"].countries == ["lr"]
    assert [it.row for it in parsed.damaged] == [3]


def test_ofac_advanced_xml() -> None:
    parsed = read(ADVANCED)
    assert (parsed.format, parsed.damaged) == ("ofac-advanced-xml", [])
    entries = by_id(parsed)
    assert entries["101"] == Entry(
        list="demo",
        id="101",
        kind=EntryKind.PERSON,
        name="VEXLEY, Zoltan",
        aliases=[Alias("Векслей"), Alias("ZED", is_weak=True)],
        birth_dates=["1957-10-07", "1958"],
        countries=["ru", "hu"],
        identifiers=["HX4471902"],
        programs=["DEMO"],
        remarks="a remark",
    )
    assert (entries["103"].kind, entries["103"].name) == (EntryKind.VESSEL, "QUILLFISH")


def test_un_xml() -> None:
    parsed = read(UN)
    assert (parsed.format, parsed.damaged) == ("un-xml", [])
    assert by_id(parsed)["690"] == Entry(
        list="demo",
        id="690",
        kind=EntryKind.PERSON,
        name="ZOLTAN ARVID VEXLEY",
        aliases=[
            Alias("Золтан Векслей"),
            Alias("Z. VEKSLI"),
            Alias("ZED", is_weak=True),
            Alias("OLD ZED", is_weak=True),
        ],
        birth_dates=["1957-10-07", "1960", "1961", "1962"],
        countries=["ir", "at"],
        identifiers=["HX4471902", "XA123456"],
        programs=["DEMO"],
        remarks="DMi.001",
    )
    assert by_id(parsed)["691"].aliases == [Alias("LANTERN 12")]


def test_opensanctions() -> None:
    parsed = read(OPENSANCTIONS)
    assert parsed.format == "opensanctions"
    entries = by_id(parsed)
    assert entries["NK-1"].aliases == [Alias("Векслей"), Alias("Vexley; the elder")]
    assert entries["NK-1"].countries == ["hu", "ru"]
    assert entries["NK-1"].programs == ["DEMO"]
    assert entries["NK-2"].programs == ["demo"]
    assert [it.row for it in parsed.damaged] == [4]


def test_denied_persons_without_repetitions() -> None:
    parsed = read(DENIED)
    assert parsed.format == "bis-dpl"
    assert [(it.name, it.countries) for it in parsed.entries] == [("ZOLTAN VEXLEY", ["hu"])]


def test_ones_own_csv_and_what_is_wrong_in_it() -> None:
    parsed = read(OWN)
    assert parsed.format == "csv"
    first, second = parsed.entries
    assert first.aliases == [Alias("Векслей"), Alias("VEKSLI")]
    assert (first.birth_dates, first.countries) == (["1957-10"], ["hu", "ru"])
    assert first.identifiers == ["HX4471902"]
    assert second.kind is EntryKind.UNKNOWN
    reasons = [(it.row, it.reason.split()[0]) for it in parsed.damaged]
    assert reasons == [(4, "kind"), (5, "birth_date"), (5, "the")]


@pytest.mark.parametrize(
    "content",
    ["", "hello", "<html><body/></html>", "a,b,c\n1,2,3\n", SDN_XML[:700], "<sdnList>\0</sdnList>",
     '<!DOCTYPE x [<!ENTITY a "b">]><sdnList>&a;</sdnList>',
     '<!DOCTYPE x SYSTEM "file:///etc/passwd"><sdnList></sdnList>'],
)  # fmt: skip
def test_what_is_no_list_is_refused(content: str) -> None:
    with pytest.raises(ListUnreadable):
        read(content)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ListUnreadable, match="ofac-csv"):
        read(OWN, format="pip")


def test_a_broken_gzip_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.csv.gz"
    file.write_bytes(gzip.compress(OWN.encode() * 500)[:-300])
    with opened(file) as source, pytest.raises(ListUnreadable):
        read_list(source, name="own")


def test_a_list_that_unpacks_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BYTES_MAX", 100_000)
    row = "d{},NAME OF A LISTED PERSON,,,,,,\n"
    content = OWN.splitlines()[0] + "\n" + "".join(row.format(number) for number in range(9000))
    with pytest.raises(ListTooLarge):
        read(gzip.compress(content.encode()))


def test_bytes_that_are_no_utf_8_are_those_of_windows() -> None:
    content = b"id,name\n1," + "MÜLLERIUS".encode("cp1252") + "\n2,ÖSTRID\n".encode()
    assert [entry.name for entry in read(content).entries] == ["MÜLLERIUS", "ÖSTRID"]


def test_a_mark_and_utf_16_are_read() -> None:
    assert len(read(b"\xef\xbb\xbf" + OWN.encode()).entries) == 2
    assert len(read(OWN.encode("utf-16")).entries) == 2


def test_names_are_never_cut() -> None:
    name = "VEXLEY " * 2000
    assert read(f"id,name\n1,{name}\n").entries[0].name == name.strip()


@pytest.mark.parametrize(
    ("text", "date"),
    [("1957", "1957"), ("1957-10", "1957-10"), ("1957-10-07", "1957-10-07"),
     ("07 Oct 1957", "1957-10-07"), ("Oct 1957", "1957-10"), ("circa 1957", "1957"),
     ("7 October 1957", "1957-10-07"), ("soon", None), ("", None), ("1957-13-01", "1957")],
)  # fmt: skip
def test_dates(text: str, date: str | None) -> None:
    assert date_of(text) == date


def test_spans_of_years() -> None:
    assert dates_of("1957 to 1959") == ["1957", "1958", "1959"]
    assert dates_of("01 Jan 1957 to 31 Dec 1958") == ["1957", "1958"]
    assert dates_of("1900 to 1999") == []


def test_values_between_semicolons() -> None:
    assert separated("a; b;;a") == ["a", "b"]
    assert separated('"a;b";c') == ["a;b", "c"]
    assert separated(None) == []


def test_remarks_without_anything() -> None:
    remarks = read_remarks("POB Nowhere 1234; Linked To: IMO 1234567; Telephone No. 12345678.")
    assert remarks.identifiers == []


def test_the_format_is_found_without_the_name() -> None:
    assert format_of(from_bytes("x", OWN.encode())) == "csv"


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs published lists")
@pytest.mark.parametrize(
    ("file", "format", "entries", "aliases", "dated"),
    [("ofac_lists/sdn.csv.gz", "ofac-csv", 7379, 11_000, 3_500),
     ("ofac_lists/cons_prim.csv.gz", "ofac-csv", 442, 1_000, 70),
     ("ofac_lists/dpl.txt.gz", "bis-dpl", 541, 0, 0),
     ("lists/un_consolidated_watchman.xml.gz", "un-xml", 1003, 3_000, 600)],
)  # fmt: skip
def test_published_lists_are_read_to_the_last_row(
    file: str, format: str, entries: int, aliases: int, dated: int
) -> None:
    with opened(PUBLISHED / file) as source:
        parsed = read_list(source, name="published")
    assert (parsed.format, len(parsed.entries), parsed.damaged) == (format, entries, [])
    assert sum(len(entry.aliases) for entry in parsed.entries) >= aliases
    assert sum(bool(entry.birth_dates) for entry in parsed.entries) >= dated
