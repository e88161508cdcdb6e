"""Names people bear and words everybody uses, read once from `names.json`; the short lists are written here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Lower-case words: given names, family names, and words of everyday English."""

    given: frozenset[str]
    family: frozenset[str]
    everyday: frozenset[str]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The lists, read at the first call."""
    text = files("chatbot.privacy").joinpath("names.json").read_text(encoding="utf-8")
    groups = json.loads(text)
    given, family, everyday = (frozenset(groups[name].split()) for name in ("given", "family", "everyday"))
    return Lexicon(given, family, everyday | _TECHNICAL)


def is_english(words: Sequence[str]) -> bool:
    """Whether lower-case words hold no more small words of other European languages than English ones."""
    return sum(word in _FOREIGN for word in words) <= sum(word in _ENGLISH for word in words)


_ENGLISH = frozenset(
    "the a an and or but of to for with from by at on is are was were be been have has had do does did "
    "will would can could my "
    "your his her our their this that these those it i you he she we they me please thanks not what "
    "how why when where which".split()
)
_FOREIGN = frozenset(
    "der das und ist nicht ich sie wir mit für auf dem den ein eine einen einem einer zum zur bei wie "
    "wenn mein meine meinen mir mich "
    "haben habe hat kann können bitte danke guten auch noch schon aber oder wird werden ihr ihre ihnen "
    "dass seit nach vom "
    "les des est pas je vous nous mon ma mes votre vos une avec pour sur dans mais que qui bonjour "
    "merci avez suis ai "
    "los las una mi su con para por pero está estoy tengo hola gracias muy usted como mis "
    "il gli un ho ha sono mio mia per che non è ciao grazie vorrei della nel "
    "het een niet ik jij wij heb heeft mijn zijn voor met graag bedankt "
    "os um uma não meu minha você obrigado att är inte jag min har på det som ikke jeg og".split()
)


_TECHNICAL = frozenset(
    "wi-fi wifi app apps router routers modem lan wan ethernet bluetooth iphone ipad android windows "
    "mac firmware gmail outlook "
    "facebook google apple amazon microsoft samsung netflix youtube paypal whatsapp instagram twitter "
    "linkedin zoom skype spotify "
    "visa mastercard amex klarna sepa iban vpn dns dhcp pppoe regards sincerely hallo bonjour hola "
    "danke merci gracias btw bro "
    "lol asap faq pdf usb hdmi tv pc url email e-mail online login logout dashboard nat ssid mac dot dots".split()
)


TITLES = frozenset(
    "mr mrs ms miss mx dr doctor prof professor herr frau madame monsieur señor señora sir madam mme mlle".split()
)
PARTICLES = frozenset(
    "van von de der den del della di da dos das du la le el al bin ibn ben ten ter op af av zu st y".split()
)
MONTHS_AND_DAYS = frozenset(
    "january february march april may june july august september october november december monday "
    "tuesday wednesday thursday "
    "friday saturday sunday jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur "
    "thurs fri sat sun "
    "christmas easter thanksgiving halloween ramadan diwali hanukkah".split()
)
COUNTRIES = frozenset(
    name.strip()
    for name in (
        "afghanistan,albania,algeria,andorra,angola,argentina,armenia,australia,austria,azerbaijan,bahamas,bahrain,bangladesh,"
        "barbados,belarus,belgium,belize,benin,bhutan,bolivia,bosnia,botswana,brazil,brunei,bulgaria,burundi,cambodia,cameroon,"
        "canada,chad,chile,china,colombia,congo,croatia,cuba,cyprus,czechia,denmark,djibouti,dominica,ecuador,egypt,eritrea,"
        "estonia,eswatini,ethiopia,fiji,finland,france,gabon,gambia,germany,ghana,greece,greenland,grenada,guatemala,guinea,"
        "guyana,haiti,honduras,hungary,iceland,india,indonesia,iran,iraq,ireland,israel,italy,jamaica,japan,kazakhstan,kenya,"
        "kiribati,korea,kosovo,kuwait,kyrgyzstan,laos,latvia,lebanon,lesotho,liberia,libya,liechtenstein,lithuania,luxembourg,"
        "macedonia,madagascar,malawi,malaysia,maldives,mali,malta,mauritania,mauritius,mexico,moldova,monaco,mongolia,montenegro,"
        "morocco,mozambique,myanmar,namibia,nauru,nepal,netherlands,zealand,nicaragua,niger,nigeria,norway,oman,pakistan,palau,"
        "panama,paraguay,peru,philippines,poland,portugal,qatar,romania,russia,rwanda,samoa,senegal,serbia,seychelles,singapore,"
        "slovakia,slovenia,somalia,spain,sudan,suriname,sweden,switzerland,syria,taiwan,tajikistan,tanzania,thailand,togo,tonga,"
        "tunisia,turkey,turkmenistan,tuvalu,uganda,ukraine,uruguay,uzbekistan,vanuatu,venezuela,vietnam,yemen,zambia,zimbabwe,"
        "england,scotland,wales,britain,america,europe,asia,africa,usa,uk,london,paris,berlin,madrid,rome,vienna,lisbon,dublin,"
        "brussels,amsterdam,stockholm,oslo,copenhagen,helsinki,warsaw,prague,budapest,athens,moscow,tokyo,beijing,shanghai,sydney,"
        "melbourne,toronto,chicago,boston,seattle,houston,dallas,miami,atlanta,denver,california,texas,florida,alaska,hawaii,"
        "arizona,colorado,oregon,nevada,utah,ohio,michigan,minnesota,illinois,pennsylvania,massachusetts,washington,oakland,"
        "angeles,francisco,diego,manhattan,brooklyn,vegas,alberta,ontario,quebec,munich,hamburg,cologne,frankfurt,zurich,geneva"
    ).split(",")
)
NATIONALITIES = frozenset(
    "english british american german french spanish italian portuguese dutch swedish norwegian danish "
    "finnish polish czech slovak "
    "hungarian romanian bulgarian greek turkish russian ukrainian chinese japanese korean indian "
    "pakistani thai vietnamese mexican "
    "brazilian argentine canadian australian african asian european arabic arab israeli jewish "
    "christian muslim catholic irish "
    "scottish welsh swiss austrian belgian croatian serbian slovenian estonian latvian lithuanian "
    "cambodian saudi greenlander "
    "bitcoin internet christmas mediterranean latin hispanic ethiopian lebanese cuban peruvian".split()
)
ORGANISATION_WORDS = frozenset(
    "inc incorporated llc ltd limited gmbh ag plc corp corporation company co group holdings bank "
    "insurance solutions technologies "
    "technology systems services partners associates capital ventures industries international global "
    "university college school "
    "institute foundation association orchestra club hospital clinic hotel restaurant cafe airlines "
    "airways records studios media "
    "software labs laboratories networks communications pharmacy theatre theater cinema museum church "
    "airport station market store "
    "shop pizza grill bar diner bakery spa salon dental care center centre agency council ministry "
    "department team support "
    "bioscience sciences research resources data analytics transit financial investments mutual trust "
    "society band".split()
)
NAME_ENDINGS = tuple(
    "ov ova ev eva sen sson son dóttir dottir berg ström strom ski ska sky vić vic ić ič ez nen mann "
    "stein ková ková ák ný escu "
    "yan oğlu ini elli etti ault eau shvili enko uk wicz czyk czek ović ič quist qvist lund gren feld "
    "haug vik rud stad dal "
    "veld kov chuk aite aitė ienė auskas yama moto mura kawa shima saki swamy".split()
)
