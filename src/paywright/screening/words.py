"""Words that say little about who somebody is, and how little.

Lists of general knowledge: legal forms, titles, particles, names that millions bear, what companies
and organisations call themselves. All in the form that `scripts.tokens` gives: ASCII, lower case.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Legal forms of several words, longest first; each becomes one token.
LEGAL_PHRASES: tuple[tuple[str, ...], ...] = tuple(
    sorted(
        (
            tuple(phrase.split())
            for phrase in (
                "limited liability company",
                "limited liability partnership",
                "limited partnership",
                "public limited company",
                "private limited company",
                "public joint stock company",
                "private joint stock company",
                "open joint stock company",
                "closed joint stock company",
                "joint stock company",
                "joint stock",
                "public company",
                "private company",
                "company limited",
                "free zone company",
                "free zone establishment",
                "sociedad anonima de capital variable",
                "sociedad anonima bursatil de capital variable",
                "sociedad de responsabilidad limitada",
                "sociedad por acciones simplificada",
                "sociedad anonima",
                "societe anonyme",
                "societe a responsabilite limitee",
                "societe par actions simplifiee",
                "societa per azioni",
                "societa a responsabilita limitata",
                "societatea cu raspundere limitata",
                "societate cu raspundere limitata",
                "sociedade anonima",
                "sociedade limitada",
                "s a de c v",
                "sa de cv",
                "s de rl de cv",
                "s de rl",
                "sab de cv",
                "sapi de cv",
                "s en c",
                "y cia",
                "e hijos",
                "gesellschaft mit beschrankter haftung",
                "spolka z ograniczona odpowiedzialnoscia",
                "sp z oo",
                "spol s ro",
                "anonim sirketi",
                "limited sirketi",
                "naamloze vennootschap",
                "besloten vennootschap",
                "obshchestvo s ogranichennoy otvetstvennostyu",
                "obshchestvo s ogranichennoi otvetstvennostiu",
                "obshchestvo s ogranichennoj otvetstvennostyu",
                "otkrytoe aktsionernoe obshchestvo",
                "zakrytoe aktsionernoe obshchestvo",
                "publichnoe aktsionernoe obshchestvo",
                "aktsionernoe obshchestvo",
                "tovarystvo z obmezhenoyu vidpovidalnistyu",
            )
        ),
        key=len,
        reverse=True,
    )
)

LEGAL_FORMS = _words(
    """
    ag aktiengesellschaft gmbh mbh kg kgaa ohg ug ev eg se plc ltd ltda limited limitada lda llc llp
    lp lllp inc incorporated corp corporation co company companies cie cia compania compagnie
    sa sas sasu sarl srl spa snc scs sca sl slu slne sab sapi cv rl
    bv bvba nv vof sprl asbl vzw ab as asa aps oy oyj kft zrt nyrt bt kkt
    ao oao zao pao ooo ojsc jsc cjsc pjsc pao pjs psc tov tzov vat prat pat zat ood eood ad ead
    doo dd sia uab zoo spzoo sro spol pte pty pvt sdn bhd berhad tbk pt kk kabushiki yugen gaisha
    ca sue rc fzc fze fzco dmcc wll saoc saog sal sae sti sirketi anonim holding holdings
    aktsionernoe
    """
)

TITLES = _words(
    """
    mr mrs ms miss mx dr doctor prof professor sir dame lord lady hon honorable rev reverend fr
    father sister brother eng ing engr ir herr frau dipl monsieur madame mme mlle sr sra srta senor
    senora senhor senhora dom don dona dott dottssa sig sigra signor signora pan pani
    president presidente presidentele presiden predsjednik prezident prasident elnok minister
    premier governor senator ambassador king queen prince princess emir sultan shah
    general gen colonel col major maj captain capt cpt lieutenant lt sergeant commander
    brigadier admiral marshal
    sheikh shaikh shaykh sheik cheikh shayk haji hajji haj hajj al-hajj mullah mulla mollah maulana
    mawlana maulvi mawlawi molvi maulawi moulvi qari ustad ustaz ustadh imam hafiz hafez sayyid
    sayid sayed syed sayyed seyed seyyed sayyad sidi agha aga ayatollah hojjatoleslam hojatoleslam
    mufti jr junior sr snr ii iii phd md mba bsc msc ba ma esq na
    skom spd mpd sip ssos spt sked
    h hj kh ogr lic arq sri shri smt thiru
    """
) - {"ii", "iii", "h", "sr"}

# What stands between the parts of a name, in the many ways it is written.
PARTICLES = _words(
    """
    al el ad as ash at ar an az ath adh de del della di da das dos do du des la le les lo los las
    von van der den ter ten zu zum zur of the and und et e y i bin ibn ben bint bent binti ould
    oglu ogly uglu kizi bt abd abdul abdel abdal abdol abdoul ul ur ud us ullah ed ez es er eddine
    abu abou abi umm um na for in on by to und fur fuer pour para per
    """
)

FUNCTION_WORDS = _words(
    """
    the of and und et for in on by to for fur pour para per dlya i v
    mv mt ms mts ss fv hms
    """
)

# Fathers are named by these: `A bin B` is not `B bin A`.
FATHERS = _words("bin ibn ben bint bent binti ould ogly oglu uglu")

# Borne by so many that two people who share it share little.
COMMON_NAMES = _words(
    """
    muhammad mohammad mohammed mohamed muhammed mohamad muhamad mohamud mahmud mahmoud mahmood
    ahmad ahmed ahmet ahmadi ali hasan hassan hussein husayn husain hussain hossein
    hoseyn ibrahim ebrahim abdullah abdallah abdulla khan omar umar yusuf yousef youssef yusif
    khalid khaled said saeed saeid sayeed salim saleem saleh salih karim rahman rahim aziz hamid
    jamal kamal mustafa mostafa mehdi mahdi reza hashemi hosseini ismail ismael khalil nasir nasser
    osama usama abbas amin amir bakr fatima maryam zahra singh kumar sharma das devi begum bibi
    maria jose juan luis carlos jorge miguel antonio francisco pedro manuel rafael fernando jesus
    ana garcia gonzalez gonzales rodriguez hernandez lopez martinez perez sanchez ramirez torres
    diaz gomez vasquez cruz ruiz morales ortiz gutierrez castro silva santos souza oliveira pereira
    ferreira costa john james robert michael william david richard thomas joseph charles peter paul
    mark smith jones brown johnson williams miller davis george daniel anna mary elena olga tatiana
    sergey sergei sergej serhii aleksandr alexander aleksander oleksandr alexandr vladimir volodymyr
    dmitry dmitri mikhail michail ivan nikolai nikolay andrei andrey andrej alexey aleksei aleksey
    yuri yury viktor victor igor oleg ivanov ivanova petrov kim ri li lee pak park choe wang zhang
    chen liu yang huang nguyen tran
    """
)

# What organisations call themselves. They tell apart less than a name, and more than a legal form.
ORGANISATION_WORDS = _words(
    """
    group gruppe grupo gruppo groupe bank banco banque bancorp trust fund foundation stiftung
    fundacion fondation association society institute institut university college center centre
    central center international intl global worldwide national general trading trade commercial
    commerce industry industries industrial enterprise enterprises solutions services service
    systems technology technologies tech engineering construction development investment
    investments capital finance financial insurance partners partnership management managing
    consulting
    consultants logistics transport transportation shipping maritime marine navigation lines line
    airlines airways aviation air aerospace energy oil gas petroleum petrochemical chemical
    chemicals power electric electronics electronic steel metal metals mining minerals
    manufacturing products production import export imports exports supply supplies distribution
    real estate properties property agro agricultural food foods pharma pharmaceutical
    pharmaceuticals medical hospital media communications telecom security defense defence research
    science scientific laboratory design bureau office department ministry state public government
    organization organisation organizacion party front movement army liberation brigade brigades
    islamic charity relief committee council union federation league company constructora comercial
    comercializadora distribuidora inmobiliaria inversiones servicios transportes agropecuaria
    ganadera agricola importadora exportadora corporacion asociacion instituto industria industrias
    welfare travel agency exchange money bros brothers sons hotel complex compound charitable
    charities business venture joint club restaurant restaurante network internet foreningen
    stichting verein enterprise battalion brigade productive market store stores home homes
    plant factory works zavod kombinat predpriyatie obedinenie nauchno branch
    """
)
