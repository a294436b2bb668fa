"""Countries by the names that lists call them, as ISO 3166-1 alpha-2 codes in lower case."""

import re
from collections.abc import Iterable

# Code, then the names, `/` between them. Compared without case, marks and "the".
_NAMES = """
ad Andorra|ae United Arab Emirates/UAE|af Afghanistan|ag Antigua and Barbuda|ai Anguilla|al Albania
am Armenia|ao Angola|ar Argentina|as American Samoa|at Austria|au Australia|aw Aruba|az Azerbaijan
ba Bosnia and Herzegovina/Bosnia-Herzegovina|bb Barbados|bd Bangladesh|be Belgium|bf Burkina Faso
bg Bulgaria|bh Bahrain|bi Burundi|bj Benin|bm Bermuda|bn Brunei/Brunei Darussalam
bo Bolivia/Bolivia Plurinational State of|br Brazil|bs Bahamas|bt Bhutan|bw Botswana|by Belarus
bz Belize|ca Canada|cd Democratic Republic of Congo/Congo Democratic Republic of
cf Central African Republic|cg Congo/Congo Republic of/Republic of Congo|ch Switzerland
ci Cote d Ivoire/Ivory Coast|ck Cook Islands|cl Chile|cm Cameroon
cn China/People s Republic of China|co Colombia|cr Costa Rica|cu Cuba|cv Cabo Verde/Cape Verde
cw Curacao|cy Cyprus|cz Czech Republic/Czechia|de Germany|dj Djibouti|dk Denmark|dm Dominica
do Dominican Republic|dz Algeria|ec Ecuador|ee Estonia|eg Egypt|eh Western Sahara|er Eritrea
es Spain|et Ethiopia|fi Finland|fj Fiji|fm Micronesia/Micronesia Federated States of
fo Faroe Islands|fr France|ga Gabon
gb United Kingdom/Great Britain/UK/United Kingdom of Great Britain and Northern Ireland
gd Grenada|ge Georgia|gg Guernsey|gh Ghana|gi Gibraltar|gl Greenland|gm Gambia|gn Guinea
gq Equatorial Guinea|gr Greece|gt Guatemala|gu Guam|gw Guinea-Bissau|gy Guyana
hk Hong Kong/China Hong Kong Special Administrative Region|hn Honduras|hr Croatia|ht Haiti
hu Hungary|id Indonesia|ie Ireland|il Israel|im Man Isle of/Isle of Man|in India|iq Iraq
ir Iran/Iran Islamic Republic of/Islamic Republic of Iran|is Iceland|it Italy|je Jersey|jm Jamaica
jo Jordan|jp Japan|ke Kenya|kg Kyrgyzstan|kh Cambodia|ki Kiribati|km Comoros
kn Saint Kitts and Nevis/St Kitts and Nevis
kp Korea North/North Korea/Democratic People s Republic of Korea/DPRK
kr Korea South/South Korea/Republic of Korea|kw Kuwait|ky Cayman Islands|kz Kazakhstan
la Laos/Lao People s Democratic Republic|lb Lebanon|lc Saint Lucia|li Liechtenstein|lk Sri Lanka
lr Liberia|ls Lesotho|lt Lithuania|lu Luxembourg|lv Latvia
ly Libya/Libyan Arab Jamahiriya|ma Morocco|mc Monaco|md Moldova/Republic of Moldova|me Montenegro
mg Madagascar|mh Marshall Islands
mk North Macedonia/Macedonia/Macedonia Former Yugoslav Republic of|ml Mali|mm Burma/Myanmar
mn Mongolia|mo Macau/Macao|mr Mauritania|ms Montserrat|mt Malta|mu Mauritius|mv Maldives|mw Malawi
mx Mexico|my Malaysia|mz Mozambique|na Namibia|ne Niger|ng Nigeria|ni Nicaragua|nl Netherlands
no Norway|np Nepal|nr Nauru|nz New Zealand|om Oman|pa Panama|pe Peru|pf French Polynesia
pg Papua New Guinea|ph Philippines|pk Pakistan|pl Poland|pr Puerto Rico
ps Palestinian/Palestine/State of Palestine/West Bank/Gaza/Region Gaza|pt Portugal|pw Palau
py Paraguay|qa Qatar|ro Romania|rs Serbia|ru Russia/Russian Federation|rw Rwanda|sa Saudi Arabia
sb Solomon Islands|sc Seychelles|sd Sudan|se Sweden|sg Singapore|si Slovenia|sk Slovakia
sl Sierra Leone|sm San Marino|sn Senegal|so Somalia|sr Suriname|ss South Sudan
st Sao Tome and Principe|sv El Salvador|sx Sint Maarten|sy Syria/Syrian Arab Republic
sz Eswatini/Swaziland|tc Turks and Caicos Islands|td Chad|tg Togo|th Thailand|tj Tajikistan
tl Timor-Leste/East Timor|tm Turkmenistan|tn Tunisia|to Tonga|tr Turkey/Turkiye/Türkiye
tt Trinidad and Tobago|tv Tuvalu|tw Taiwan|tz Tanzania/United Republic of Tanzania|ua Ukraine
ug Uganda|us United States/United States of America/USA|uy Uruguay|uz Uzbekistan|va Holy See/Vatican
vc Saint Vincent and Grenadines/St Vincent and the Grenadines
ve Venezuela/Venezuela Bolivarian Republic of|vg British Virgin Islands/Virgin Islands British
vi Virgin Islands US|vn Vietnam/Viet Nam|vu Vanuatu|ws Samoa|xk Kosovo|ye Yemen|za South Africa
zm Zambia|zw Zimbabwe
"""
_MARKS = re.compile(r"\W+|\bthe\b")


def _folded(name: str) -> str:
    return " ".join(_MARKS.sub(" ", name.casefold()).split())


_CODES = {
    _folded(name): line[:2]
    for row in _NAMES.strip().splitlines()
    for line in row.split("|")
    for name in line[3:].split("/")
}
_KNOWN = frozenset(_CODES.values())


def country_of(name: str) -> str | None:
    """`Korea, North` → `kp`; a code stays itself. None for what is no country, or unknown."""
    folded = _folded(name)
    return folded if folded in _KNOWN else _CODES.get(folded)


def countries_of(names: Iterable[str | None]) -> list[str]:
    """Those that are countries, each once."""
    codes = (country_of(name) for name in names if name)
    return list(dict.fromkeys(code for code in codes if code))
