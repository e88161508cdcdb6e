"""Chinese text: telephones, resident identity and bank-card numbers, names and addresses by what stands around them.

It needs no language model: Chinese support chats name themselves by fixed phrases (我叫…, 收件人：…, …先生).
"""

import re
from collections.abc import Iterator

from chatbot.privacy import checksums
from chatbot.privacy.numbers import is_card
from chatbot.privacy.patterns import Pattern
from chatbot.privacy.spans import PiiSpan, PiiType

_HAN = r"\u3400-\u9fff"
_COMPOUND = "欧阳|司马|上官|诸葛|司徒|东方|皇甫|尉迟|公孙|慕容|令狐|长孙|宇文|夏侯|端木|南宫"
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾"
    "夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤施温康葛洪"
)
_SURNAME = f"(?:{_COMPOUND}|[{_SURNAMES}])"
_NAME = rf"{_SURNAME}[{_HAN}]{{1,2}}"
_SAYS = (
    r"(?:我叫|我的?名字(?:是|叫)|姓名(?:是|为)?|名字(?:是|叫|为)|收件人(?:是|为)?|收货人(?:是|为)?|联系人(?:是|为)?|"
    r"户名(?:是|为)?|持卡人(?:是|为)?|申请人(?:是|为)?|本人|全名(?:是|为)?)[\s：:，,]{0,2}"
)
_PROVINCE = (
    "北京|上海|天津|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|"
    "台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_PART = rf"[{_HAN}A-Za-z0-9０-９\-－]"
_STREET = (
    rf"(?:(?:{_PROVINCE})(?:省|市|自治区|特别行政区)?)?(?:[{_HAN}]{{1,8}}?[省市区县镇乡旗州]){{0,4}}"
    rf"[{_HAN}0-9]{{1,12}}?(?:路|街|大道|巷|胡同|弄|道|村|园|苑|花园|小区|社区)[（(]?{_PART}{{0,12}}?[0-9０-９一二三四五六七八九十]{{1,5}}"
    rf"(?:号楼|号院|号|弄|栋|幢|座|单元|室|层|楼)(?:{_PART}{{0,14}}(?:号楼|号院|号|栋|幢|座|单元|室|层|楼))?"
)
_CUED_PLACE = rf"(?:(?:{_PROVINCE})|[{_HAN}]{{1,6}}[省市区县镇])[{_HAN}A-Za-z0-9\-（）()]{{2,40}}"
_NUMBER = r"[A-Za-z0-9][A-Za-z0-9\-]{3,24}"
_IS = r"(?:号码?|编号|单号)?(?:是|为)?[\s：:#]{0,3}$"

PATTERNS = (
    Pattern(
        PiiType.PHONE,
        re.compile(r"(?<![\dA-Za-z])(?:(?:\+|00)?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?![\dA-Za-z])"),
        0.95,
    ),
    Pattern(
        PiiType.PHONE,
        re.compile(
            r"(?<![\d-])(?:0\d{2,3}[- ]\d{7,8}|\(0\d{2,3}\)\s?\d{7,8}|（0\d{2,3}）\d{7,8})(?:-\d{1,5})?(?![\d-])"
        ),
        0.9,
    ),
    Pattern(
        PiiType.PHONE,
        re.compile(r"(?<![\d-])(?:0\d{9,11}|[2-8]\d{6,7}|400[- ]?\d{3}[- ]?\d{4})(?![\d-])"),
        0.85,
        cue=re.compile(r"(?:电话|手机|座机|固话|传真|热线|号码)[^\d\n]{0,6}$"),
    ),
    Pattern(
        PiiType.IDENTITY_NUMBER,
        re.compile(r"(?<![\dA-Za-z])\d{17}[\dXx](?![\dA-Za-z])"),
        0.98,
        check=checksums.chinese_resident_id,
    ),
    Pattern(
        PiiType.IDENTITY_NUMBER,
        re.compile(r"(?<![\dA-Za-z])\d{17}[\dXx](?![\dA-Za-z])"),
        0.9,
        cue=re.compile(r"身份证|证件"),
    ),
    Pattern(
        PiiType.IDENTITY_NUMBER,
        re.compile(r"(?<![\dA-Za-z])(?:[EGPS]\d{8}|E[A-Z]\d{7}|[HM]\d{8,10})(?!\w)", re.I),
        0.9,
        cue=re.compile(r"护照|通行证|证件"),
    ),
    Pattern(
        PiiType.CREDIT_CARD,
        re.compile(r"(?<![\dA-Za-z])\d(?:[ -]?\d){14,18}(?![\dA-Za-z])"),
        0.95,
        check=is_card,
    ),
    Pattern(
        PiiType.CREDIT_CARD,
        re.compile(r"(?<![\dA-Za-z])\d(?:[ -]?\d){14,18}(?![\dA-Za-z])"),
        0.9,
        cue=re.compile(r"银行卡|信用卡|储蓄卡|借记卡|卡号"),
    ),
    Pattern(
        PiiType.CREDIT_CARD,
        re.compile(r"(?<!\d)\d{4}(?!\d)"),
        0.7,
        cue=re.compile(r"卡(?:号)?(?:的)?(?:尾号|后四位|末四位)(?:是|为|[：:\s]){0,2}$"),
    ),
    Pattern(
        PiiType.PERSON,
        re.compile(
            rf"{_SAYS}(?P<value>{_NAME})(?=$|[\s，,。.！!？?、；;）)]|的|电话|手机|先生|女士|在|想|要)"
        ),
        0.9,
    ),
    Pattern(
        PiiType.PERSON,
        re.compile(
            rf"(?:姓名|收件人|收货人|联系人|户名|持卡人)(?:是|为)?[：:\s]{{1,2}}(?P<value>[{_HAN}]{{2,4}})(?=$|"
            rf"[\s，,。！!？?、；;）)]|电话|手机)"
        ),
        0.75,
    ),
    Pattern(
        PiiType.PERSON,
        re.compile(
            rf"(?<![{_HAN}])(?P<value>{_SURNAME}[{_HAN}]{{0,2}})(?=先生|女士|小姐|太太|经理|老师|同学)"
        ),
        0.85,
    ),
    Pattern(
        PiiType.PERSON,
        re.compile(
            rf"(?:是|找|给|叫|跟|和|位|的|请|联系)(?P<value>{_SURNAME}[{_HAN}]{{0,2}})(?=先生|女士|小姐|太太)"
        ),
        0.8,
    ),
    Pattern(PiiType.PERSON, re.compile(rf"我姓(?P<value>{_SURNAME})"), 0.8),
    Pattern(
        PiiType.ADDRESS,
        re.compile(
            rf"(?:[{_HAN}]{{0,12}}?(?:地址(?:是|为)?在?|位于|住在|寄到|送到|在|是))?(?P<value>{_STREET})"
        ),
        0.85,
    ),
    Pattern(
        PiiType.ADDRESS,
        re.compile(_CUED_PLACE),
        0.8,
        cue=re.compile(
            r"(?:地址|住在|住址|寄到|送到|寄往|发往|快递到|家在|位于)(?:是|为|在|改为|改成)?[\s：:，,]{0,2}$"
        ),
    ),
    Pattern(
        PiiType.POSTCODE,
        re.compile(r"(?<!\d)\d{6}(?!\d)"),
        0.85,
        cue=re.compile(r"邮编(?:是|为)?[\s：:]{0,2}$|邮政编码(?:是|为)?[\s：:]{0,2}$"),
    ),
    Pattern(
        PiiType.DATE_OF_BIRTH,
        re.compile(r"(?:19|20)\d\d\s?[年\-/.]\s?[01]?\d\s?[月\-/.]\s?[0-3]?\d\s?[日号]?"),
        0.9,
        cue=re.compile(r"出生|生日|生于"),
        cue_after=re.compile(r"\s?(?:出生|生的?)"),
    ),
    Pattern(
        PiiType.ORDER_ID,
        re.compile(rf"(?<!\w){_NUMBER}(?!\w)", re.A),
        0.85,
        cue=re.compile(rf"(?:订单|运单|快递单|物流单|发票|退货单){_IS}"),
        check=lambda found: sum(c.isdigit() for c in found) >= 4,
    ),
    Pattern(
        PiiType.TICKET_ID,
        re.compile(rf"(?<!\w){_NUMBER}(?!\w)", re.A),
        0.85,
        cue=re.compile(rf"(?:工单|案例|投诉单){_IS}"),
        check=lambda found: sum(c.isdigit() for c in found) >= 4,
    ),
    Pattern(
        PiiType.SERIAL_NUMBER,
        re.compile(rf"(?<!\w){_NUMBER}(?!\w)", re.A),
        0.85,
        cue=re.compile(rf"(?:序列|设备|机身码|SN){_IS}"),
        check=lambda found: sum(c.isdigit() for c in found) >= 4,
    ),
    Pattern(
        PiiType.ACCOUNT_NUMBER,
        re.compile(rf"(?<!\w){_NUMBER}(?!\w)", re.A),
        0.8,
        cue=re.compile(rf"(?:账号|帐号|账户|客户|会员|合同|用户|卡){_IS}"),
        check=lambda found: sum(c.isdigit() for c in found) >= 4,
    ),
    Pattern(
        PiiType.ACCOUNT_NUMBER,
        re.compile(r"(?<!\w)[A-Za-z][\w\-]{5,19}(?!\w)", re.A),
        0.8,
        cue=re.compile(r"(?:微信号?|QQ)(?:是|为)?[\s：:]{0,2}$", re.I),
    ),
    Pattern(
        PiiType.ACCOUNT_NUMBER,
        re.compile(r"(?<!\d)[1-9]\d{4,10}(?!\d)"),
        0.8,
        cue=re.compile(r"QQ号?(?:是|为)?[\s：:]{0,2}$", re.I),
    ),
    Pattern(
        PiiType.PASSWORD,
        re.compile(r"[A-Za-z0-9!@#$%^&*_\-]{4,32}"),
        0.8,
        cue=re.compile(r"(?:密码|验证码)(?:是|为|[：:\s]){1,2}$"),
    ),
)


def find_chinese(text: str) -> Iterator[PiiSpan]:
    """Every piece of personal data that Chinese words or forms give away."""
    for pattern in PATTERNS:
        yield from pattern.find(text)
