"""The units that are understood: one line each, ``canonical spelling | pint expression | other spellings``.  Pure.

``OWN_DIMENSIONS`` are defined here because pint has no such dimension, or because its own would allow a conversion
that is a guess (dB to a plain number, turns to radians).
"""

from __future__ import annotations

OWN_DIMENSIONS = (
    "times",
    "piece",
    "person",
    "kind",
    "frame_count",
    "pixel_count",
    "word_count",
    "grade_step",
    "score",
    "workday",
    "batch",
    "turn_count",
    "decibel_own",
    "decibel_a",
    "decibel_milliwatt",
    "rockwell",
    "vickers",
    "brinell",
    "shore_a",
    "shore_d",
    "percentage_point",
    "volume_percent",
    "mole_percent",
    "yuan",
    "us_dollar",
    "colony",
    "cell_count",
    "copy_count",
    "enzyme_unit_own",
    "international_unit",
    "turbidity_unit",
    "mesh_count",
    "relative_humidity",
    "tera_operations",
    "household",
    "coal_equivalent",
    "dalton_own",
    "platinum_cobalt",
)

TABLE = """
s | second | 秒 秒钟 sec Sec S秒
ms | millisecond | 毫秒
μs | microsecond | 微秒 us
ns | nanosecond | 纳秒
min | minute | 分钟 分鐘 mins Min
h | hour | 小时 个小时 hr hrs Hr 钟头 个钟头
d | day | 天 日 days day 自然日 个自然日 日历天
周 | week | 星期 个星期 个周 礼拜
月 | month | 个月 个月份
年 | year | 周年 yr
工作日 | workday | 个工作日
m | meter | 米
mm | millimeter | 毫米
cm | centimeter | 厘米 公分
dm | decimeter | 分米
km | kilometer | 公里 千米 KM Km
μm | micrometer | 微米 um µm
nm | nanometer | 纳米
pm | picometer | 皮米
Å | angstrom | 埃
in | inch | 英寸
丝 | 10*micrometer | 丝米 忽米
海里 | nautical_mile | nmi
㎡ | meter**2 | 平方米 平米 平方公尺
mm² | millimeter**2 | 平方毫米
cm² | centimeter**2 | 平方厘米
km² | kilometer**2 | 平方公里 平方千米
亩 | 10000/15*meter**2 |
公顷 | hectare | ha
m³ | meter**3 | 立方米 方量 立方
cm³ | centimeter**3 | 立方厘米 cc
L | liter | 升 公升 l
mL | milliliter | 毫升 ml ML
μL | microliter | 微升 uL ul μl
kg | kilogram | 千克 公斤 KG Kg
g | gram | 克
mg | milligram | 毫克
μg | microgram | 微克 ug
ng | nanogram | 纳克
pg | picogram | 皮克
t | metric_ton | 吨 公吨 ton tons
tce | coal_equivalent | 吨标准煤 吨标煤
斤 | 500*gram | 市斤
Pa | pascal | 帕 帕斯卡 pa
hPa | hectopascal | 百帕
mPa | millipascal |
kPa | kilopascal | 千帕 kpa KPa Kpa
MPa | megapascal | 兆帕 Mpa MPA
GPa | gigapascal | 吉帕 Gpa
bar | bar | 巴 Bar
mbar | millibar | 毫巴
atm | atmosphere | 大气压 个大气压
psi | psi | PSI
mmHg | mmHg | 毫米汞柱
Torr | torr | 托 torr
N | newton | 牛 牛顿
mN | millinewton | 毫牛
kN | kilonewton | 千牛 KN
MN | meganewton | 兆牛
W | watt | 瓦 瓦特 w
mW | milliwatt | 毫瓦
μW | microwatt | 微瓦
kW | kilowatt | 千瓦 KW Kw kw
MW | megawatt | 兆瓦
GW | gigawatt | 吉瓦
J | joule | 焦 焦耳
mJ | millijoule | 毫焦
kJ | kilojoule | 千焦 KJ
MJ | megajoule | 兆焦
eV | electron_volt | 电子伏 ev
Wh | watt_hour | 瓦时 W·h
kWh | kilowatt_hour | 千瓦时 度电 千瓦·时 KWh Kwh kwh KWH kW·h kw·h
MWh | megawatt_hour | 兆瓦时 MW·h
GWh | gigawatt_hour | 吉瓦时
V | volt | 伏 伏特
mV | millivolt | 毫伏
μV | microvolt | 微伏
kV | kilovolt | 千伏 KV kv
A | ampere | 安培
mA | milliampere | 毫安
μA | microampere | 微安 uA
nA | nanoampere | 纳安
kA | kiloampere | 千安
Ah | ampere_hour | 安时 A·h
mAh | milliampere_hour | 毫安时 mA·h
VA | volt_ampere | 伏安
kVA | kilovolt_ampere | 千伏安 KVA
Ω | ohm | 欧姆 欧 ohm
mΩ | milliohm | 毫欧
kΩ | kiloohm | 千欧
MΩ | megaohm | 兆欧
GΩ | gigaohm | 吉欧
F | farad | 法拉
μF | microfarad | 微法 uF
nF | nanofarad |
pF | picofarad | 皮法
H | henry | 亨利
mH | millihenry |
μH | microhenry | uH
S | siemens | 西门子
mS | millisiemens |
μS | microsiemens | uS
Hz | hertz | 赫兹 赫 hz HZ
kHz | kilohertz | 千赫 khz KHz
MHz | megahertz | 兆赫
GHz | gigahertz | 吉赫 吉赫兹
THz | terahertz | 太赫兹
pC | picocoulomb | 皮库
mT | millitesla | 毫特
lm | lumen | 流明
lx | lux | 勒克斯 lux Lux
cd | candela | 坎德拉
nit | candela/meter**2 | 尼特 nits nit
mol | mole | 摩尔
mmol | millimole | 毫摩尔
μmol | micromole | 微摩尔 umol
nmol | nanomole | 纳摩尔
mM | millimole/liter |
μM | micromole/liter | uM
nM | nanomole/liter |
Da | dalton_own | 道尔顿
kDa | 1000*dalton_own | 千道尔顿 KDa
rad | radian | 弧度
mrad | milliradian | 毫弧度
° | degree | deg
′ | arcminute | 角分
″ | arcsecond | 角秒 arcsec
℃ | degC | 摄氏度 oC 度C
℉ | degF | 华氏度
K | kelvin | 开尔文
cP | centipoise | 厘泊
cSt | centistokes | 厘斯
rpm | turn_count/minute | RPM Rpm 转/分钟 转/分 转每分 转每分钟 r/min
r | turn_count | 转 圈
dB | decibel_own | 分贝 db DB
dB(A) | decibel_a | dBA dBa dB(a) 分贝(A)
dBm | decibel_milliwatt | dbm
% | percent | 个百分比 百分比 wt% wt.% %(质量分数) %(wt) % w/w %(w/w)
‰ | permille |
ppm | ppm | PPM ppmw DPPM dppm
ppb | ppm/1000 | PPB
ppt | ppm/1000000 | PPT
vol% | volume_percent | %vol %(v/v) %(体积分数) v/v%
mol% | mole_percent | at% at.%
%RH | relative_humidity | %rh RH%
个百分点 | percentage_point | 百分点 pp
倍 | dimensionless | 倍数
次 | times | 回 趟 循环 次循环 个循环 循环次数 cycles cycle 圈次 人次 周次 周期 个周期 轮 轮次
个 | piece | 件 只 台 套 片 张 块 枚 颗 粒 支 根 条 瓶 盒 箱 辆 艘 架 幅 例 株 头 尾
个 | piece | 台套 台/套 pcs PCS pc 样本 个样本 处 棵 份 双
人 | person | 名 位
种 | kind | 类 个类别 类别 个品种
家 | household | 户
批 | batch | 批次 个批次 炉
帧 | frame_count | frames
fps | frame_count/second | FPS 帧/秒 帧每秒
px | pixel_count | 像素 个像素 pixel pixels
字 | word_count | 字符 汉字
级 | grade_step | 等级 个等级
分 | score | 分值
HRC | rockwell | 洛氏硬度
HV | vickers | 维氏硬度
HB | brinell | HBW
HA | shore_a | 邵氏A
HD | shore_d | 邵氏D
元 | yuan | 元人民币 人民币元 RMB 块钱
美元 | us_dollar | USD
CFU | colony | cfu
cells | cell_count | 细胞 个细胞 cell
copies | copy_count | 拷贝 copy
U | enzyme_unit_own | 酶活单位
IU | international_unit | 国际单位
NTU | turbidity_unit | 浊度
目 | mesh_count | mesh
TOPS | tera_operations | tops
Pt-Co | platinum_cobalt | 铂钴色号
bit | bit | 比特
kbps | kilobit/second | Kbps
Mbps | megabit/second | Mb/s
Gbps | gigabit/second | Gb/s
B | byte | 字节
KB | kilobyte | kB
MB | megabyte | 兆字节
GB | gigabyte |
TB | terabyte |
kgf | kilogram_force | 公斤力
LMH | liter/meter**2/hour |
a | year |
"""
