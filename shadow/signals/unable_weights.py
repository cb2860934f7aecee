"""What each sign and word of an opening adds to the log odds that what was asked is not given. Data, not code.

Written by `python -m loadtest.signals.fit`, from xstest, chatgpt-refusals, invented and written exchanges.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

BASE: Final = -1.796

_WEIGHTS: Final = {
    "declines": 0.302,
    "declines_second": 0.259,
    "declines_later": -0.464,
    "declines_request": 0.011,
    "condemns": 0.506,
    "speaks_as_ai": 0.114,
    "withholds": -0.265,
    "unable": 0.804,
    "apologises": 1.341,
    "first_person": 1.381,
    "turns": -0.523,
    "turns_within": -1.008,
    "contradicts": 0.640,
    "defines": -0.639,
    "instructs": -0.637,
    "instructs_later": 0.353,
    "promises": -0.526,
    "condones": 0.087,
    "purpose": 0.612,
    "offers": -0.003,
    "plain_second": -0.430,
    "bad_first": 0.608,
    "bad": 0.400,
    "equality": 0.501,
    "equality_first": 0.131,
    "generalises_first": 0.168,
    "generalises": 0.695,
    "duty_first": 0.550,
    "duty": 0.992,
    "elsewhere": 0.454,
    "opinion_first": -0.011,
    "neutral": 0.267,
    "unreal": -1.216,
    "moral": 1.135,
    "listed": -0.336,
    "answering": -0.448,
    "answers_long": -0.107,
    "after_turn": -0.316,
    "length": -1.090,
    "short": 1.170,
    "alone": -1.286,
    "repeats": 0.787,
    "covers": 0.020,
    "yes_or_no": -1.137,
    "no_declining": -1.877,
    "declines_and_turns": -0.131,
    "declines_straight": -0.077,
    "declines_straight_at_length": 0.078,
    "declines_and_answers": 0.027,
    "declines_after_turn": -0.251,
    "declines_morally": 0.238,
    "declines_and_is_short": 0.022,
    "declines_unreal": -0.975,
    "apologises_and_declines": 0.650,
    "condemns_and_answers": 0.232,
    "condemns_plainly": -0.144,
    "request_and_answers": 0.290,
    "moral_without": 0.415,
    "mostly_moral": 0.585,
    "moral_turn": -0.398,
    "contradicts_repeating": 0.238,
    "contradicts_morally": 0.404,
    "promises_turning": 0.146,
    "ai_morally": -0.244,
    "ai_without": 0.121,
    "yes_or_no_as_asked": -1.173,
    "neither_yes_nor_no": -0.010,
    "withholds_and_answers": 0.015,
}
WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(_WEIGHTS)
"""By the sign's name."""

_WEIGHTS_AS_AI: Final = {
    "declines": 0.185,
    "declines_second": 0.415,
    "declines_later": -0.363,
    "declines_request": 0.559,
    "condemns": 0.546,
    "speaks_as_ai": 0.228,
    "withholds": -0.135,
    "unable": 0.107,
    "apologises": 1.556,
    "first_person": 1.262,
    "turns": -0.872,
    "turns_within": -1.926,
    "contradicts": 0.536,
    "defines": -0.622,
    "instructs": -0.665,
    "instructs_later": 0.328,
    "promises": -0.724,
    "condones": 0.100,
    "purpose": 1.096,
    "offers": 0.235,
    "plain_second": -0.231,
    "bad_first": 0.408,
    "bad": 0.205,
    "equality": 0.430,
    "equality_first": 0.055,
    "generalises_first": 0.333,
    "generalises": 1.133,
    "duty_first": 0.629,
    "duty": 1.080,
    "elsewhere": 0.498,
    "opinion_first": 0.207,
    "neutral": 0.531,
    "unreal": -1.077,
    "moral": 0.890,
    "listed": -0.465,
    "answering": -0.912,
    "answers_long": -0.322,
    "after_turn": -0.496,
    "length": -1.536,
    "short": 2.691,
    "alone": -0.819,
    "repeats": 0.865,
    "covers": 0.010,
    "yes_or_no": -1.111,
    "no_declining": -1.755,
    "declines_and_turns": -0.431,
    "declines_straight": 0.027,
    "declines_straight_at_length": 0.102,
    "declines_and_answers": -0.247,
    "declines_after_turn": -0.425,
    "declines_morally": 0.057,
    "declines_and_is_short": 0.127,
    "declines_unreal": -1.041,
    "apologises_and_declines": 0.927,
    "condemns_and_answers": 0.168,
    "condemns_plainly": -0.029,
    "request_and_answers": 0.353,
    "moral_without": 0.310,
    "mostly_moral": 0.354,
    "moral_turn": -0.802,
    "contradicts_repeating": 0.226,
    "contradicts_morally": 0.312,
    "promises_turning": -0.090,
    "ai_morally": -0.489,
    "ai_without": 0.242,
    "yes_or_no_as_asked": -1.157,
    "neither_yes_nor_no": -0.028,
    "withholds_and_answers": 0.095,
}
WEIGHTS_AS_AI: Final[Mapping[str, float]] = MappingProxyType(_WEIGHTS_AS_AI)
"""The same, for a text that speaks as an AI."""

WORD_STEP: Final = 0.06433
"""What 1 in `WORDS` is worth, before it is divided by the root of the number of buckets."""
WORDS: Final = (
    "4;B0b0RPke{RsZ~`4I*D@&FF{0QLR+{`?3N0s#c=`VjpP1PlEB{_Xk#`~Lzo0R8y}1Lpt#5druE0|fZ_2Ne1J{`mm^{|Wm1{0ION@cQ)g0TvVg2?"
    "zc4{}1c^@Am>0{{8^`2LAs90RAN6|M2(x2>k%>{qytv{Q3n62K@f;{RHCi`}YO~{r(5<|A7Gl0sZ^^{r><0{Qm<31^x#K0Pp|*{{Z~$00RdN1@06"
    "0{r>#s`~mg+`1tz;1Ofd40RIL62LSN{`~w#Q0sQ|1_5}bR_67d`|Mvg+^#T3-"
    "|L*z+|NRH^{r?03_x}d}{s;N^1p5p2`ThU<?)>ck{_zC+0S5i_@(Td^_yPXn_VoGy^8E+<_XGRz1ONd4|NkQZ1oQv_0{;Bi02KrS?fC%l00IyE1_"
    "S#33IO%>1NsIN>Hq-"
    "({Ph9={t@~31`hWF3ibf{0sHt3{PF<%0{{O33JM4h00sW{{s;B{00Ra90Pp|l0R8;{1pfZ__x%Y20R#8~0QLU+{{Z&@0RIRA4*>uA^XdWp{Q?94{"
    "1pHY2Koa9{QCX?{{;gA2LA%{|NRR46$}mS^a}d_0Qds~1o-"
    "~`4EO&40R9F12@U@L008p{2mAyJ`~Us={{H*`{{H^^0RR683;+NB^Z@|_00hqe2Lb#50QnC7{|o;7{{a8@|MCL=5%%!>1OWf|68ZrA3H=5D2;%w@"
    "{RjZ|`2qp^`w{;G{`>O<3;p^40Qm#~{vQ1K`~dX~1^xN{`w0N~0rvm)2mSyX{{R34{{jjC{Qds_{{aC01pxv80|5C22m$~J3jGoP1rq-"
    "P0s8g#3<Lf1?Eww|{Qdy^_X7d?2>t{2>IeY-_xBJ500IC3`~MLN0RQ;<{0Rs701N&95c%r<_yF$y{{QUe0Qvg<1N`{>0{#O6{u2NU3jqK91^D~^0"
    "QL#_{O|e&^#KI!^#uv`0|)*5{{H|73mE(W0Tb~9@CE$y`}+^;^6&!c_5lC^1ONE+0{8$k0Ra3A{Qv;}{{{vD{Qc<x{r>{~{Q>>`{{0OK{q_0*`~L"
    "#}`yUSq`3vp^4G8_t0RI5<{Q~<2`Tzg|0sI011^fN*{O}R{|MvSA0tg5M{tE#6^#cC^{Pzp||M%wp{rUm`3k(DQ7W()8^Bes6{{H?2{r?050Qmp|"
    "`1<<#_Y3y*1^E9I0s8{|_z3a;`Re=n1PlEI0Q>>{00IdD`ThU)0RRyD4*~-"
    "K{Qvv{1_&Df{{RCC_x=750PX<{{QC?61O)y5{r>>+4F3TB2>=28{rLI(3JAsi5&8iA1ONj7>;L}!_Yna50sjE~_x=A3`ttez@dNhy3-"
    "j~={Pg}W|NR9G^#1wx1N{d8{s#mC_4fe;`uqO_1ONH`1ONa21Q;|4_xt|+{{;aJ{Q3R^0{-"
    "&<`w|QR00ja1_X76(`vUg?{`~;;1PTBG`TqU){s0F7{r~U*000#H?fw4w{`&U*0Qmw8`S1Y$0{;{L3J?7U0{H;<`~Lp``~d#@1p5jI008^~1pn#)"
    "0R{y7{sZ~`ANv9T2@3r8`2HOH69@D30QUd^0Qmj_01*S|{`>X-_W}z3{qYh8009I1`U>>{0RRI4`Thm^1pNTy0R#L5`2p_<1q9>)1^NX40Nw-"
    "s`S=0=0sj90|Nj601o-m)0Q&m}{QLp^00a&a_W%X@&;kqi?eziy2=@I8_4@n$1^om92m|*10Q21Z01XlQ_wEJ=_zo890{rm-_yhg={S^8G|MvL@{"
    "`LF*<OB=``}qC-`uqC{|M(;V3<3lD00aL5*%Ay2{`~p&`uYO|0tEyD3I6~8_w4}v1_JT%@&o?<6$AzV_51%B{_zt41N-"
    "*@0{a904fp^A`~MLL00avD0rv^`0Q~?32K)5>1|0qa0QUm@0tF8L`}_U>`}OPs0{{U02>$=~{2%}S{rmp_?)wM+`~~s<0saE@{{jpF0Tur2_yYR>"
    "{09C01oZ&-"
    "`3d_0{{#Q@`T6tp{{aUB_xb(x0{`d%`vn5$0r?mC`}qm~|N8;|{r&#@`u+O;0UGi70toy8|NrFs{{8<A3j+fL{Qd&|{qzR=0R{mB_x}O<{Q~|200"
    "06L1Oop7A^-aR`vB_x2@?<h`u_X{FA)L-"
    "`~dw7;QIXo0t5#C`Ty_$0t)>83jX^C{0RHp0002`0QVC03jhH22Kof$3i$&E_W<<z_V@7^3I_234F380|Mvm*2Lb{A{Qvz51Oos0^ZEZS0Q>k9{|"
    "E^7{sRF71_I{@2><*20{#K+`Tha;{r>Lo^z{n;7zP6V3Gny*3GV#`7W@JI{{jF5|M39<>F@gg4;%yj`S1ez`Tqj*|NI2_0R8*}{P+0)`br4*{0aj"
    "60RH{|0{<5V0QUX<?+GOr0R`#<`Tzv{_wfk=_yGP9^Z^0=0|xgC0Q3O;@c<MC|N8p^{QMgf1px;B{r~?A1O5FM2=m(i`2hh9{}B5B>Hh)t2KD{@1"
    "^)m6@&Nz*{{jCC{rUm^0rLO+{r}wm4gV1S_7f-n{{IF3`~VaC`U(3C0Rj^T4gU`L^8Wz;0tNv7{SN*9=K=Qs{O0-"
    "q{Qdm<{`v*{2J`#`@%RA$5EKIc`uzR`3;6^6`uzO?_51t^_x=0`2L=uN{q6t^4FCH3{Qv(44gBi~`TqX`=LrDv0QdO(_x%0)|MB?s|M~X{^d|WM0"
    "Q>*|{RLtI0RZ|5{rdg<_X7R%{`va>0s{g2{sH;>{`dI+{r&^_`{)4u0sH?6{SFiT1^x;70Qva({Q~w11NZa*_xA1i`St$){q+O%{}lxQ00s>A4F?"
    "ko`3U;_00sj4_WuI@{Qwc~0QCX-"
    "@B;k=0`&p_`vCp@0{Z?0_w@Mv@c;7w5CRqb^#A!21Pk;9{{#I14gdcE{{R^80{jB{`27S00Q~;;{rLd%_5lz2{{aB*0QL6({}TQd{rv_c{r>{^{{"
    "-s@0`~vr1^@m2{onx?01x>70{sB_2@3TB2;>I`8~yYA{`K$!`UwF5`u_d^`~Cn31p)W`2@&=G{TcuM`}zg_5&-"
    "=H`1}k101pfX0S@^O7ykbd0R8d)0u=xF4E6&7_x|`C1p5E`0{!{~`~UL*_X7R?_XPX&0RQ;>{s9LI2>|^D1`7oT{r>^g0RH|9{|gTa2LuBO`w{;9"
    "`uq*@0QUp?2LJ~C00Rpb0s#&R0Q?UC5B&A}{RaXM0RadF4GZuI^Z)<@{|NU9`Rn-q_Xhm}|Na2}0Q&w4+yM9l{Q>v_0ss3A0s005`vLy``R)e(2L"
    "AjN`S<k(0R#sA0Qd+21^fOG2LJj1_x&3G`vU;`0st2S{{H<G00sf=5&iuE`vUn8LjM5!{|fs9|NQ~{0r?669Qoi3{r>&+_6G$01or^__zD5#2>=8"
    "D3H|&3^Z^PF?ECr!_W}U>1^@B(0r>;_{`va=_X7$I^9J|$`T+I${SE#D1poT{|NHI(`}O_$0uui6{`va@?gaw<^ZEe({`dg!9RK(L{`vd-"
    "`2YL`3k3WA?E?w&{{IXD2>=1;`3m?E`2F_-0R8;|{|^EQ0Rj>R{QL_B_yG9-"
    "C;0&T{`Uy|{`&q1{u2591^@;4DEj^X{s#;R|MnL4_yiLI0sjgA{{{#M1^N6F^Zx@42><{50P-gZ0s#8>2H@rb1pfX2|Nr*x0000E4*2~22n_-"
    "d>i`S-"
    "2nG4}0sjE~{rnve;r9Ii`~Cz11poo`1_Ji_4+a4T`U(CH`vw600Q&m*`Tz6;`uhL<|NZ=>0O$A!`Tqj_{p<w({Ra30|NQsz1q=S=3jF^1{r~|3{Q"
    ">?2Aprpp1o;61><s?<0s#E@|Nr**3;X>5`TzR>2>%55{{r&)_yP180r~v${0sjS1r_l81qt~51@`{^{r&v_{rUt4{Qdt21poa2|Nr^?1orj;{QUv"
    "_{RRI41o;2~{Qda<{r>;^0P+9<1pNN}?EnM?0|4*=01N>D1^oH~0QU9({sj&90SF2H_5=U`|L^?$1^E5}1pM*<0{{O71N`hU5BL%S|NiO&1_l8M2"
    "MzxV{s9T{|M~^}0sjC8|N9I5{{a2@<O%u%M*8;v^#1h^|Nrv%1OET@0sa5}3IqTI^Z)Y&?*0V|01E>A2MPfE`04ckAr%Gy_X7U``T+a!{rLL@0ss"
    "N~2>t*20}}q`{{RQs0sZ|5@&gC{_yGU<@9X{l{{;sP8twu7{rLa;0|Ed40Q36!{QCbI{rmX$00;Z}<^TTw1NsO5`t0}q2=@v7`{e-"
    ">5#0L?0s;R3@C5z?{{R2}`u_b8)c^qf_3;@05&H)K|Ni|6{{j304E*~S{RQ?91MU9;0RH;`^Z5Vx|M>d_0{r|6{QUz70{H3w^Zou1{1g8C0P*_$4"
    "EzTI^aubU0{Z*_{qYO``VR>I1O5E{^!Ee^3;zK7|Mva)0|EK^1pfu|0{-;#{r~>~1Ni>_2mk%`{|)i{3;6#8^XC2k0RI8;?EU}$_4xk-"
    "1^52{{`vs;_y7F>1_2HG0{968`~vz0{{Q~y`uP3{4Gi@V0PyYv1^4$9?)?Z100#g5`u_X#3G)O0{`dv|1@!w84*328{R038@B{w^1^fU2@BRPe{{"
    "#yM`vmX?`33&=_y_+20QB|y{`}?z_5t|%{{;X5{Qmd+|NHp;{QvF~0|5jC3Ig)|02u)M3GodH`Un5~69o7G`u_|34*vb;`Xcro0}A*2^Y<eF694P"
    "@{_^?Y{S*KC`Tr3A|M~y?1nT$({`3C?000F3?*0V+{|gB0^8W)41PBfI{s93300Ha((f|Gg{s9R0|Ni>>^ZWe$0QU^}00R#M|Mw>O|NaB~0RaFG0"
    "0IjK{{#yD1pf8!9{&Ie{{H^}0Q~p=`~C&|`Tzg_|Mv+5?C$pX0Rs5|1Ni&&1^)T+0|oyU1^fEu{Q&|F`v3<1`vd(3008~_`2q|11P}}y{{R00{0;"
    "v4{{Q+A{P_R@`~Lp|1@;5~{|5m41o{C4`}+g?1NQy${rU(20{spH{0Q{_3IhTC3K#$R2mSgr`33pp0Q>(4;R6Bu0R8^>1O5E`1oH3z?*9P(7z+RQ"
    "{{a5}^Zo+={{{8_0ssB}3jFy11O5d7{|W&Z-~bQ*`Tq3(`S=3>;QsRM`~T_y_5cvW_6Gd@2nP-"
    "V`ws;00R;mF6Cef)=KcNv{08|3`UD38{sR92{p$q&4F3EA_4@?;_UP;Y0s;R2|L*<y0Q&9(000gE_4nie2m}oNCjkfn0tWx_68Hi9@c{o90ss910"
    "Q&y^_WT0;`Vsp32k!*``27I@4FmlG76l6Y`2PC&^!@b&{^$Gu2?*-{0t5H}3;+7~^a2d_5&jhZ`UD6586Xk%`|<z!0}Sy00R05-"
    "1Ofg3`TYO)0RadA3jqEX_5Shy^6Lfm00sH^`}qI+@B$43{`~a<{{1TX01yoK?f?=3`}+R#{{I000RjB{{{Ra12LSy19rpwB1q1~A=K>GR4g&uM{O"
    "b`B{P+9;4fhKW{ss#83-<l@{sa62{RaC6$_@nmFa!bo3kdcD{{Z;-8vqFg{Qn2-"
    "`vD39_y8&V3;zB41M~g={r>w2^b7n3`2z9(0SfsD`TY6&5BvBC2?+n?01yG$|Mm(568HZ4`uhX?4EO}#0RaL42K)g3{QM093;g^6{0IE}2L%896b"
    "=6E`~d*`4geDX`vd>)3;g#M{r~pz`T+as2mk;92K)p73JCi90si{``u6t<_VWJz>;L}w{{Z;(|N8y_?EN1NBJu_P{T2Yy`~C9y{PXku|M&X<0QT?"
    "y0ssi}|Mmj~`t<+=|N8&{{r~;<?)?210QL6%{{jB};sFl#`vd&+5CInd`vDIN1N{O800jQ~0tWUI0rUd}0Q~z33I6;300Z>^{1^@Z`wajE2>k&7{"
    "Qv{|`vd<9?fU@#{0RX0`vL&|@(BL~^XdBh1P1#D0U7`T4FvuC`T+_2{PF(&{sR90`~m~*^z$4T0RH{}0RH#~`vUF=0RHj%1p)v5{r><02m$}{0{s"
    "5~68!}D@gV;Y0002~`u+y^2>ti~{r~m+{OADq@B#z<0{Q;?0uB29{}ciI2>k%`{`CL-"
    "?EmQm`|kh#{r>#|`uzU?{uKcE2p{$V|NH<8BLCgd^a1=6{P_v}0RR3D{Q&>{^aTC&{Qdw31@!s;|NH(92@n7R1OWc_2K@p5_xu0<1podN0R#X62L"
    "b!{`TXko|Ni~>{{Q;{{Q~C&1{41P0Qe36`vMIF|NaE;5dQxU`Tqa^{sjgG_5c9?`~UX?@CE<>{`>;$0{{Q|5B&TS`v3m|{|f>81PurV4gv)I00jX"
    "9{UHD50ssE~5B&oI`~LX|1}yde1N-d&{rUn82Lbo^0Q>&`|NRUB`1}U_1N-"
    "6v{Qn8|5C8)P_x%C*|NH#_`}_kK0QdX{`~UX+|NZ<P{~Y%N2L=T9`vLy>{rLL$4FLTS00ILN{`lbs{Q><5{s0I50S5Q~`1Sts4F3NA_x=_2|N8X)"
    "1`h!P|NQ{}_x}t34*~E8_wfVz1NsN>_4Y3Q008;_0Rj8{6XXK^^ZxPr{PPMD`2ywl{S5U41O5K@{{jLF0tW)}5gPdU3I6~B@eJ|*0Pgt!_TB{k`~"
    "3>?3=0SX|NkKc{Q&*>000O10{iOsBKYY4{Pq6*0s;E`5BLZE2>Ap6{Q?F5{Qvj~0Sx~30n-"
    "Bi|N0dB68HE2{sZ6t3;X{2_XGwC5CZ`M1p)yD`~dzN|M>L(`}ha`^920<_VfM(0R8y)00jXB{s#y10Ra8}3<ER!`1kz>`uh<10|EX20{Zj+`~3j`"
    "0`39%2LJvB2?hTK`UCFr{Q>{`1^@s1{RH^^0{-"
    "^P`u+U<0ssIN{R8*^2LJ#41_1>9@B{r3{r&v_00#ON01x```uYI)1^)~G3i$K^0Q~_20s{XD^!NVx`U3#~{SW^F0}Av05BdQ4{{j~P3<EU;^Y{J|"
    "0OtVi`v4B>{s#&F4)ON^87B$*00Q~=0|6Qd5C!e^1_T8E{ObA#@BaS)_4)+m{`va<`v43F4)^{7{tW&63H1E<00#aT0RQ{~@(%<9|M~m;5&-"
    "=D1@{O00S6WV0sjCC0uBHH2l~tB4Eg%|1_TlQ?fe2F0R9OG1Pb;A0Pz0s0tf^B{{jQ;|Ni^-"
    "0|EQ?3jh57^8)+!2LJu={PqC*5e5AT`~v>_8vp$M?g#w<2KNOE_5c3;000UE{r~Fn{{RX2`3vp|00#U1E&%iZ`2zz8^9A|;`~d?5{s9L23jPTE0S"
    "f%~{Sy5E{P6|!6axAK75xDN>-"
    "_)z0{aa8{s#XC`~3R+0rvy{{QvRv1_1g14+#43_xAM_0ObJx0`&0%1{DGT82JD60ssI2>;MV+_5J<@{s9L5`}P3-_Zk!l{{Z~``TqR<5(xbW2M-"
    "JP0Qvy>|Mmv}4F&=KEC2)p{{j8|^8Ntm0tNv9|Na5|{`Ln3^a1|^4F?Jf{R{s31R4<Z1poi{?<)HI{{H^=0{{E@_x}3@1ONXD{0sg46afGH`U3&="
    "|Nj5}2LK2B`2_m*{r?32{|p860si<1BorzC2KWj8`TqO-"
    "1_=EK{rvg^0{#*L{R;p5^Zfw*{RJHd_wob)1@s63008{~{`vm*`Tqk30R8;{0Rs*G_wN1&00IF0{{#L0_x>yg_xAe-"
    "|NIjF_yGR>{{Zy@@%`!r|N933{Q~;{`~Uy{_yGq00r~6z_xS_y0sQ|c2>|~D0Q>U*`~d#|{QCg#{`v+3@Bs-"
    "D2m1{52><~9>j5tP5B~!Q`~dv+0Q?{N0Q(mM2>tpC`~VsI5Ca4L1pWsE{s#086ZHWK00;IA{saL11M%<(0|NT~1>XJz^!N+|^7se#1^xR01M~m=3"
    "jhHF5dj4D_x&FJ>Hr1)`~L_3{s96H1OxU03IP21`2YL({PqF+1pyiV0Q>s@{tyQT1NZ;`2L=xD00RIH{`&y-"
    "4*&N60T>Me`V0&P7#05j^!xn#{{RF1{R8m-"
    "2Mq}C{Q&#{0s8v?0QC6%3J(JG0J!n_3;zN8{{I680{{5^|Nis)0r>;}0Q>(10s;UA`u+J9{rv#?0s##C1ONjF4E6c}0RIRE2mtm200aRb`1}F-"
    "`Sbq>_Y(yB{}=%G{rDRJ3Hc5G`}!9D`u6|@0{#H`Bnt)p{{aO1{|5*M3jqKB0|xpQ5c&M{_VWDz3-"
    "ty7{|^%U{t5E_1^xp2{Q&>|{PF+|0sI920{^D|{`l+z0RhYc0s!{{0}A~8?FtGK_VyP2008y)@c{k``T_s*{ssUE{{!~-3jO`+2mAf;`u7C@`T6-"
    "H0Q&ay00RE={{R603<3TK0tMy*`T+kO_y79*0s8;{`|$e*1OER72LJo``U&_C|NZpu{00O3{RjZ}1o#5}1OWE}0sZ;{2><>7_5c0<0Qms~^aTA3{"
    "P6<-2n7H61=a%d3iJN`?f3Wi`}P3w|NZ^-1PT5C{|Nx}-~Rsz{QnC60sr~@{P_a^{O<|={`&U-"
    "{r>;$`UwUB1Ni#^`u+Ls2mlNU00;T|0sRR0{{a8?3Htg8_Vxh&{002}1pEd4{pbD;{`da^_5Bm=4FUxI|Ni~`?+^e2|M~R;1N;E|`0m~Q_x}j`{S"
    "f>A`uqR&2?_rf|NJ8X`|kel0RjB_|N8$2_VM}l{{ZIv`vC>^`1}h3;_UwX{`d6#`Stt|82%dp2mt&4{r(321N;2{4E6vb5C8o8`T+d^{s00K0{sU"
    "7{rv#||N992@%#S@+WY$d`~3n8^#B4400jW@0r&X$1o!|3`v>|F|L^|&0|@&70RI~R90L6Z{q_L}00SBL4FnMS00aB?^!xk|{`chf|Ns5`1_K5E5"
    "d9YY3-"
    "JpU=kfmjE&ciq`}PL^{r~d>{{08}2K@N(0s#64000H|3jP2B0Q~^)`2Y3w00aIO{QCOt`v3+20s#sD^854&0|fvB0|Wli1OxOT01E#F`v&;|_x}X"
    "z<Mas_`1<?%{Q~{+{`v+6@e2R_{ssR2=nMSv`2+s_{^$Ps{_*_p0}2u8_74dV{RII41_AvG0q^`10SE&31Oov4|M~Oy04Dte{sH~|`t|es0sZ|27"
    "z6_a@%{Sv|NH*w{Pg|+A`ILA`}+X<{r~v@{Q~{@5&aPS2LkH<0RI30{S^Qa0}BZG_yGU>2>=QI`Q-=x`U(O6{{{T{0Rs2@2>uHG{rm3y>-"
    "zro{RavD1o{E>`|<t({R95>`u_d^7yS$Q?gsAv5d!!B^!)$?`T_p_{s900{{s8>{Q(y5|Lp$(`Tx}Y4FLfC0{Q;?{|E^V{|Es6`~&(C_TBdV1pE2"
    "?3jg`@?*#Du3;zHD0sj6B@dN+*0Q~y`1OEL0{s92>|Nj5~{s069_y7P40qgnt1_b>5|LqFN74lpE81n!4{tx{9`TzL`AocwM2L}KE`273v`UCg?&"
    "hiTS`2Yd_1_1&1@dE(#2m=230R#O282l3W{s<HR4fz24{{RsH{{Z*?{sjL3`|$k-"
    "00t5Q`}ha|3H|^D{s0O7{Q>{{|Na5x`v3p{{Q>^~01N*G3HJaE{sIO3`~Uq6{rwC70sRB><^BK({`>y_`2_#}56l-"
    "88UOwM_UHTk1_Sl__XGkQ0{Z{=`TqO>{{0jD`T6_<2>JjD2>$#11@Q&|1p)yQ_yzv}3=04Q0Q~;?0Q>a=^!^SF{rvg!1p*8C^a2_G0Rs&I0saaL^"
    "9lb02MY!Q3;-Aa{{{U400jU70RIH%{Q3Y81N9gL_z>~?2LAy6{P_3?0R|Na0rdI&|NQ9x0Q~&(^!^C_2?+oE{pAG-"
    "{sR0F5cmNB`vLz3{qg_%>GJ>o`2+R<0|Erz`2qU{|Lp?A{Qmv(_6P?L{0RK|1U35n0Q~m&|NQ*<1pWX3==J{$2mbm000aOR_Ve)s0{s91`vCy$@c"
    "s(@0TVF$@d5w<{~7=Q{rK|&2KDp&3N8);_yYX@{|5p7{`(LR`wRf+{1X%b@c;(`{{jH+`|kG$`xN^d{RHm`1ONv6_W%p`@AUos3;O;L1KtV!0tNp"
    "2{qpns3IF~A0RaE;^$7a@8v+6V{QL|3`2+#~0R9H~{RI93{Qvj{7Xkqb_W<hu`Tr66`1l6_`~?8>9{vUS{{a8{1`YE5{{H~{{rdzA1^5341KI)o0"
    "RQ{={|x>2{rvp|0}%-H0tO2I{{{08^7a4s1poj4^AG+9LIeN?BnA5m@%Q-"
    "w{ssE_4JrKp{P_p^{r?5<_XPw7{Q3a^_W}6&`3w8}|NHs;{R92}{QwXD2mcKR0Q~j?><|6>2mJa0{~!ME016HL1NZ{@0RsQ}1N;XN1NsL1^8o<*`"
    "2Yj`_VEDz`~>s?{2mJV{T2cU0}Lww`uzC|0}1l~11<pq0|5E%2Lt^V0{;j7{Q&|54gLKr{R9H~0Q&#+`T+O-"
    "{sjO30s;gB_yhn6|Mma_`1J|(0|)*e0RQm)3IYZ6^ZWz?3GxU00{-"
    "#?1p4R)0rdX>{`dj?=lc2o0P+F(1^@*G|MUF~0Qd|0{s{sA`{xGr`TG9{{Q&+P1^);B`RxD#`TY_H1pD~t0|o#C{P-"
    "LV1p)&J@&^14{s0I4_x}F=`u6(>{{j8^{`dO;_xa)h4f*T)_4@<<{Qdj>BK`yf2nY!P2J`d%{{jL9_xA|;4gdTG2mtu?0RH;`_yq|D"
)
"""A signed byte for each bucket of `refusal_words`, in base 85."""
