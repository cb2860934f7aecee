"""What each sign and word of an opening adds to the log odds of an unwilling refusal. Data, not code.

Written by `python -m loadtest.signals.fit`, from xstest, chatgpt-refusals, invented and written exchanges.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

BASE: Final = -1.811

_WEIGHTS: Final = {
    "declines": 0.535,
    "declines_second": 0.400,
    "declines_later": -0.429,
    "declines_request": 0.303,
    "condemns": 0.427,
    "speaks_as_ai": 0.102,
    "withholds": 0.144,
    "unable": 0.236,
    "apologises": 0.711,
    "first_person": 1.068,
    "turns": -0.349,
    "turns_within": -0.555,
    "contradicts": 0.734,
    "defines": -0.659,
    "instructs": -0.575,
    "instructs_later": 0.308,
    "promises": -0.618,
    "condones": 0.217,
    "purpose": 0.668,
    "offers": 0.030,
    "plain_second": -0.697,
    "bad_first": 0.541,
    "bad": 0.468,
    "equality": 0.651,
    "equality_first": 0.100,
    "generalises_first": 0.203,
    "generalises": 0.759,
    "duty_first": 0.390,
    "duty": 1.037,
    "elsewhere": 0.621,
    "opinion_first": 0.177,
    "neutral": 0.371,
    "unreal": -0.920,
    "moral": 1.346,
    "listed": -0.179,
    "answering": -0.555,
    "answers_long": -0.066,
    "after_turn": -0.185,
    "length": -0.839,
    "short": 0.781,
    "alone": -1.010,
    "repeats": 0.626,
    "covers": 0.057,
    "yes_or_no": -1.017,
    "no_declining": -2.182,
    "declines_and_turns": -0.090,
    "declines_straight": -0.026,
    "declines_straight_at_length": 0.061,
    "declines_and_answers": -0.157,
    "declines_after_turn": -0.328,
    "declines_morally": 0.257,
    "declines_and_is_short": 0.568,
    "declines_unreal": -0.906,
    "apologises_and_declines": 0.935,
    "condemns_and_answers": 0.180,
    "condemns_plainly": -0.095,
    "request_and_answers": 0.273,
    "moral_without": 0.663,
    "mostly_moral": 0.350,
    "moral_turn": -0.429,
    "contradicts_repeating": 0.284,
    "contradicts_morally": 0.341,
    "promises_turning": 0.132,
    "ai_morally": -0.293,
    "ai_without": 0.198,
    "yes_or_no_as_asked": -1.189,
    "neither_yes_nor_no": 0.180,
    "withholds_and_answers": 0.039,
}
WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(_WEIGHTS)
"""By the sign's name."""

_WEIGHTS_AS_AI: Final = {
    "declines": 0.351,
    "declines_second": 0.540,
    "declines_later": -0.327,
    "declines_request": 0.820,
    "condemns": 0.442,
    "speaks_as_ai": 0.203,
    "withholds": 0.194,
    "unable": -0.134,
    "apologises": 1.065,
    "first_person": 0.935,
    "turns": -0.657,
    "turns_within": -1.505,
    "contradicts": 0.650,
    "defines": -0.627,
    "instructs": -0.607,
    "instructs_later": 0.230,
    "promises": -0.605,
    "condones": 0.275,
    "purpose": 1.098,
    "offers": 0.203,
    "plain_second": -0.110,
    "bad_first": 0.376,
    "bad": 0.322,
    "equality": 0.639,
    "equality_first": 0.026,
    "generalises_first": 0.356,
    "generalises": 1.207,
    "duty_first": 0.253,
    "duty": 1.080,
    "elsewhere": 0.707,
    "opinion_first": -0.020,
    "neutral": 0.623,
    "unreal": -0.829,
    "moral": 1.052,
    "listed": -0.293,
    "answering": -0.819,
    "answers_long": -0.334,
    "after_turn": -0.424,
    "length": -1.175,
    "short": 1.984,
    "alone": -1.203,
    "repeats": 0.561,
    "covers": -0.222,
    "yes_or_no": -1.007,
    "no_declining": -1.984,
    "declines_and_turns": -0.509,
    "declines_straight": 0.099,
    "declines_straight_at_length": 0.090,
    "declines_and_answers": -0.555,
    "declines_after_turn": -0.599,
    "declines_morally": -0.003,
    "declines_and_is_short": 0.817,
    "declines_unreal": -0.998,
    "apologises_and_declines": 1.275,
    "condemns_and_answers": 0.113,
    "condemns_plainly": 0.009,
    "request_and_answers": 0.294,
    "moral_without": 0.599,
    "mostly_moral": 0.001,
    "moral_turn": -0.827,
    "contradicts_repeating": 0.271,
    "contradicts_morally": 0.269,
    "promises_turning": -0.162,
    "ai_morally": -0.587,
    "ai_without": 0.396,
    "yes_or_no_as_asked": -1.190,
    "neither_yes_nor_no": 0.164,
    "withholds_and_answers": 0.114,
}
WEIGHTS_AS_AI: Final[Mapping[str, float]] = MappingProxyType(_WEIGHTS_AS_AI)
"""The same, for a text that speaks as an AI."""

WORD_STEP: Final = 0.06279
"""What 1 in `WORDS` is worth, before it is divided by the root of the number of buckets."""
WORDS: Final = (
    "3K;<e0RGng0T2KF`xyxR^8pU}2KN5^{{ase0|Wo=`T+g~{|Na2|Lyt${Qv+n00H>?{^kGw1_Jp50|fZ`2nGKI{`vs_{|fs3{t5sT^7-"
    "}i0UZ+m3l0AC{|@f`^6~@%{{IF3|NQ~~0RAcC|M2(-"
    "2LA#1`|S7s{rCn6{QUm){RHIm`t$?{0s#LI{(%7k2K(*){r>_20RQ;}2K@#G0Pz0<{{Z~)0Rsa41@;H{|Nj2+`~mg;`uY3>{Q(FE0R#p82mtv80|"
    "O%t0RR2~_V)V}`w0O60{s8|`vCp}{_6S#1pW#0{{I63{{IF4`v3O*2m1T?{{H~}@BHxp{qFw&0tWvE^Z@|+`vw5v^!WY&_x=U|{0IB=1pxv70{|T"
    "Y2KfL40sZ{h0Tu%V^8Eql00IB~3<&uE1_1Z-"
    "1O5gX>i_}*1Ni{}{{Z^>2N3xL|M>y<0{!(C{__L<0s#L3{s{^d{|5i`{RZs+00IgC{_+0p0Q~*{2LAr|`1}C>{{sI00QCO){{Z>_0RIgD0s#N}@$"
    "v)z{`>*}{uTfQ2LAj70R8>~{{{vO2>%B4{{Rj984eTk_6Gm|0Qmv~1p5E~3;_TB0{;X02owGR0RZ^`0{r&~{{sK~{s8^}{r~^`0ssFB4F3ZE`2Pt"
    "2{R`jz1Ofc|00<8P{{jH~{R02`0P+I>68H)J1pxp28~FhJ3i|;72<H6({R0B(`Tqe1`wRX70{!m^3jX~70Q~>~|0w+Z0s-"
    "^~2mbp0`wIa30rvm+0RR9G{{R31{s0UB{QU_200IF12>$~B0s;L6{Qm&#|NR342onDT1N`*(_5}R#@&Wt+{{H~}`33~~2>}51<O%@(4D<>I0RjI6"
    "`~L_I0RQ;@`~U_30uBEE3;65)`~U9z{s8d%0Q~&{1N{B`0{;E~{uKWV_W%F?1^@j10QLa=_VfAw^!^3=^#=y`2><{9|Na603K0AN1`qTC_XGa${`"
    "v{<^YsPs_5uI|008;*`}h4a0|NdL`w9O52nYTJ`~&9!{_X?*00RE~|NjjO{rLI;`~m*>{Vfm)`4{m73=93#{{R2`{{H|4`v3w12KoR11N#2&{q+d"
    "^0{Ht91ONX7{|Es6_YD98`|u6>0QT$k|N8*|3;zTE3;Ff_^Ah~}|Ns990{;X70R907`1$(#^$Yd)2>1XI1N;R1_X_s^`0)Ju1PlBC0Q>>`00IXE{"
    "r&#<1^^KO7y<+U{Q>&|5DF;){{RRL`2YPB0P6w#{P_g}1Oog4{s8#%{r~>{2nPcD{rdj>4GZ}G5&8f83;zND_y7O?`5XZI{{I;K_x}GA0QUF)@&E"
    "Yx67=@={PzPk|NQ_A_5%9(0{;gD|NR65_VWS*{r>+11pfE`1ONW~3nBmh`TqR={sjUA1p4y=0sis={SFNO00aX2`SkS!`2zU~0R92^`xF58{{R2>"
    "{sIXC|Nry=000vG@csSz^8xq%0Qdp|{rCU?|M3n05eokm0{sH}{rvv`{{a5{|N9UB00I5>2mtE>0S5p5{sj5|6!`Z54*UH0{r)KX1PSx;{Q3X@0Q"
    "&v|022fL|M>v`{sR69{rnOK{Q(02{0#W~0ssU60Qe671OWf!0R#L6`vdm@1_kN>1N;gA|KbAx{rv#|0{#8~|Nj601o`p)008?4`}zU`0RIgR`~U{"
    "})&lwa@ALux2>1LA`~3j^5B&uK2Ltr~0rlzq`~MpI_wxw`@B|^|_Wt(*`2+p<{S^QP{`C0|1MT_(<p3BD{Q3O={QdU>|M?;V3<C=N00RI3-"
    "2?vu{{8#;{`~_A1Oo#E3jhEA_VWP#2LbW!^#uL>6aNMP_51`M3ibg21poa6|N8;{3HAW@{r?pK00a*I1Nsm60Q~?42L1N`0v7)S0Qmv`0|*lG`T_"
    "p}{Pyhz0{{U14gCQ4{UQGW{rvy|@cRn?`uP9;0RIB?00as9{to`<_5}U`0tEf}1or^^0u1>9{{8{=`}p$o|NjLB`1<|${Q~R(`~?H){rnjC`}__6"
    "0sjI3`~Lp^_5$<&{~PlA0uB5F1^?{){{R034gmxB{r&>~0r~*_2m1>B`u_m~{sI6400RFJ1p@y73jq54{Q&U(0TvJc{{Q_6K@<WJ`2hS5<@@^s`~"
    "U|3_WbYw0}cWH0sZ|5{tW=!3H<&00QeC15C8!92mlG`5C8)B0|4~_`1bJq4G8fC0ss5?0QU9!3j+WD{Qvq11ONd2_WS=X1ONK_|N8~~1pNa95&8W"
    "94*~!E0|5Z@`u_v>0RHUo=k*Ev2L=HE0rU6%4D$U15BviB|MUO^0P+C=^ZWY${viYY`tSkz`u_m*|M>&^0sj5>`}qL`{678o{Qv*||N8y{0{<Kb0"
    "sj8~$@?lA0R`*`_W%m}`11({{s8|L_5u9;0|EL3|Mvj?^Z*bD{`&g>{{0*W2LlHC{{R0I0{{C54EN0b_yPeE{t5s8@c#q#2KN8{1^@p6>;M7${{a"
    "E{0sa901MvU-"
    "{r%$q3H}oP{}&wp`~wC50RR>I`3L(B{QwRK|Njd5^Z5Y(0Q&&|`w9O4;sf~r{`vj?{s8{`{`>|02L$~F0{Q_24i5tV{{8*{|M>#^`~CX<{rmq3`2"
    "PI_{0s#E0PO$?7XSJE|Ns9G|NQL(`~Lt0?*{?%0QdU-`2Pd@|MmR!|NZz2_8a;E0R931{RTGv0RsO3{r&#@`u_g-"
    "{rvm>1PTKD{{j8^|M&R}{rLd<`RV`x2K)aA|NayG0sad80{i;?{Q~*r{QC9(`10%j{Pq6<{rdy;{uuxQ`vd~`4+{Ve{0{p0@(2X~0sR90{s0m50{"
    "H{^?*8}m0P_X_`vCs`|N8v}{`UC(@c#P(4gL%M^Ys4%|N8L<{|EpA2?GEB{Qw^I0Q>>|`~L<3|NZ{?1MUFw`2hd>{{aB|0Q~m={}2EY0{sXs{r&>"
    "^{{-"
    "#{1N{E$1pog3{^|h`022QF2K@l}{Sov44(15}BmDU8{`U0#`U3#~_yYL={Q~>{2?P571{e4L0tWZ~0QUa<5CHxH`uqa_008{^0ucBM9smCd0R8p-"
    "|NsB|4E6*8{r&wQ{{H{{0{r>~{{Qj-"
    "`2zg{{|EZ@0RH#<1ONa62LSdE2@M4c{{I2p|NZ|F015vB@DBeD`xOQJ{QU&+0Q&^|2mt^70Qvv@0tEyA0R9sI5B~f5{Rjj50Rs#J00-"
    "^~@&*6<{|xv5{P_0)`uP9*|NZ~~`279--T?mt0RZ;`0RRFK0{i#_`uYF<{`LL-1ONL2`~CR-"
    "00ag90QL$32>t&62mkp1`v4;S@csb%_y86C{{Q|U0u2P_8T<kS`vm?6KK}sw01o~H{`&y@0rLO?76IuH{r>*@^Z*F|1NQ*__5uOn000XB{QUd=^Z"
    "*I~{rdR;`T_t44FB`~0{aC10Q>&{`2`FN`Um;``T+I%{}2BE1^@c}{`~p?`S$<(0vZ1E{`&j|@c#k){`vs^|NZ~-"
    "761DG{Qms>|Nj673kdZA?Ed`w0RIdE4gdn>`V9U6|NZs+0sj8~{|*5H009yQ{rwF4`~dg=G5`Sm_WKC_0Qda}{|Wj2{{RN|8T$eM01Fce{rnXC^#"
    "}h20sjC0{{{yM0{Z<E_W%A00Qmp@0QVaG0s#5_2IA%b2LJy60sr^$0000A68-"
    "=I00;yS^#Be12?zK70RR91{{0>R<NE&q`Tzz51^)r|0R#8?4haDa`~Ls_`Ue2|1N{5?{Qvg^{QCg?0R8>R0Oj`z_W}a_`tSq(`v>>||Ni*$2@L<|"
    "3j6~7{Qv>@0s#L99tQ*#1^fgD_yzy}0s#H`{`2<u{{Z{|{s8;{2mJ>200Q*-"
    "{Q>k10{H*;{}=xO2Lki}1_}QA3G@B_{r>#`|N8_5{r&$E1_1&C|Ns8{2KxR3{QUv{{s#d82K)R0{Q>y?{Q>{_0QLX@0ssL1{{aUA0|f5{01W>D3H"
    "|#20rLF-"
    "{s;H@0t^%W`uza=|MLF%2KfO21pV&+0{#vD0{rR)8u}9d0RQs;`Ue3G0{{a7{s0B|{{RR60{j67|NaI4{{Z~^=?wY;H~IMh@c{M{2><x|0RI2<0s"
    "R2}5eEPT_5k$)@B#!20Q>{{1qlEE@%8HfBn1Ef_x}F@`vv~=|M>g`1OWv93IG56{S^M{{{IW>0Q~^|0R#yD{`~m*`TYU^|NRCC0r3F)`~Ls@0|5X"
    "3{rdd>{QCbL{{8;={|Ec~?f?D%1Ofs7`tJVz4EPBB|LXA%66*W^0|Eg6@&o|{{r~^|`v3h4;{X8t_45S(5Bv)N{{Q?4|Nr~~2m1jS_XYJ50`LC<|"
    "NQ^}^Zft%0s8(30ssL0|NH<33Hj^*^!^3~`v3p@0Pgzz3;YKH_YD6d1^EB~{qzg}`v3?30{s8|^ZEo0{{RB}|NQ;?0t5H{1^x~40si**{{8~^3i|"
    "y23jh80{{sE|2m1dA_woG%{{I8^@BaV)_xcJ42lfE}{rLd-_W%C?009mD{`mj~`~&s`{{R2|`}h9$2><yJ0rm0(0r>s@?*9%G00;g5`~Lgx`uPO^"
    "{rUy|2Kf6D6Z!uE{RI64^a23?{rms}@%{hm{{{R2`v3R~`~d#@`u+d^0QUI&{{7?o`T_g-"
    "0|@^D{{8s+{{aB{{Q&R^1N{RC3Ip{30wn<b0{jmD`VIm890T_N{QnLD68{3}{T%or0}=TA^7|qH1OM~<{`UIQ022TD`T+m?000001L^t)0rmn200"
    "960^#1t&_y7kD`Tzpz1pWT^0RI65{|oQ=)BySd{s0F30RQ{@_WS<+1@{pA00a#K|NSKU0R05}`~m<100aC8`UD342L1E!ApZad|NZ{}0Q~m<`u+v"
    "|{r~>||Mm+6?eO>e1OfQ~4Ey~01_1i_^alSA1pE5!`~m_N009R6`UCt1`~d#<{R9;N1OW;i|Nj61`wjp2008|E{rUg_`u+d{0{;X5{|Wf~0{s04{"
    "r&>|1ML6Z0Qw360{{gB{Q3g_2mb>73<UxM{`~td`33#&0Q~~`-"
    "U9>u`uzU+1^xW{|MdL<`2PR_><|6?{Q&>|_5T3=`Udy?0ssB~5dHf21pfg5{{{vQ*8c_n_y76;`St|>;{EmY{r~L%`2Z2f_y+s_3JCxI{SN^10|x"
    "^K5+Vl&;Qapt{t5X9`~?RA{saF8@9+Np0tEa8^!o+<`t0ik1_k~80P+6)|N89)0RI62_W9!j2mKHIEdvMs0sa5^|M~{}^8ow!0{{L200960_51<@"
    "{0sa02KEI2`Tqz34g~!K8U_RX`TqL-`}_3-|K<w)3kdB11OEB|3;y}>`vMX96#x?c`ve654IUBt`}F_%2M_T00R9H=`u_R{_5c9-"
    "{sRgB5dZ`J`}Okw?)e4!00;T^{QCd=@BI)3{`~j%{{JiZ03i$a0{{~O{rvv;0RII60Qvs^000d81O5B`3;P7}1qT28>;w1b>kI@3`|cGG{rCI<4)"
    "+NV{ss&A|M%|q{sR02{sa32<Ng5rDGLGs3HtK@|Ns2?3IGTO`~3~``T-"
    "0A{s0vH3;+HB1NZ&^0{;08@(%q81rPK501Ny9`}_L>4*mQB00;u;0Tlt~|N8s{67=}^`u+s__4o(q0RaL42>k&6`2P_E4FCKB0SNp23IqNC3;_NE"
    "`vU;|4*wPa{{sK<3jF#C3jg@>{Qdv%1ONyD0{a613-JB>0|EX3`}p_}0Pz6-@B#n({{a2?|M~#|^85-"
    "8|M>_1`w{@z0Q&a){QCL+{`va={QCU>0sjg2|NH|8_xAt;00093{{j8?@%;M_{{Hy?00RB}<pKcn{Qms*1q2TO3k(DJ1pfj7{|Em00{8Y90qz3{0"
    "Q>q23I6>400i{_{|yoV`uqS00{#L3{{H~{`~?IF_Wc0<{r~{_{ssa5@Cp9(_vQQf2L=2I01p8K0|xy3{Q(L50P_C={{sO3{Q?E@`Sm0h008~~0ss"
    "04{Q~g&0R8#;1_%EB{sRI4_y+&;`uqO^0R8p(_6hz000aR4`Tz;{`~LU)`2YC${rv#?`UC*{0{Q*?0}cNF{SyEE0RH^>{rCX>?fvTd{PP0*`v3g|"
    "`T_p_{|Es32pjkX00I9DA^_vT{sH|S{rU<B{{a5{_W%L?^9K9){{H|44)*%~0Q&v`1rz`P1pxl|2m1K_0RjL20|WXL0R#d83IY7|`TX+z|Nj2?{r"
    ">s@{sHCt4E+EE0rwC9`}z(E|NaF05&HiU`Tqa^{SF5R`Tzs~`v3g;@CN??0{jB|0ssE_4*UQN{Qd(6{|y8C2KoyR8v_CX00sXD{R98{0ssC168;1"
    "E{r~z54<qvc1OD*<`}_j^{sQ^=0Q&v^|NRO7`~Cg>1N!9x{Qn2}1OEgF`Tha=|NZ^|`~U+T0Qda)`u+6)0R8_b{~r1S3k?YP_yYg?{{8p*3;_KC0"
    "00dN{`vC>0|NaC{{RW|008>`_xu0(0sa90`u-"
    "RD|N8U)1rY!R{rmy`{QnRCAOiCY{PzU;{{jp6{`C+5`~my_^a29@6XXN^^8Wn;{Q3z8`~mX&{tx#A1pWW+{{jOG1_=QA1`PT74+8)H?-"
    "K3+_4D}v_U{J%`v40B5CaMV{s0aJ0|5B^000R40{!m!EA{08`S}C>0s#B||Mdj^3i<~B0tEyA{r~w00|5X30@w!s{{RgB5cd23{sZ&?1_Av5_yqz"
    "90R{pC1Ooa7{{H|R|N8R({rw94+64Rn{P_O`0QmL*00II1{t5u|0RH~}3j{L#`u+a<{p%9^0s;O21pD;^|NjF22k-"
    "*?3IG2K4F&)H{{`^z`~m|11^@s1{rdU+0|EWh_Wt_*0{{RN{R8>`2nGKA{s9L7@dW(<{`~*|{s{XT01yB2|NQ{`1Oo~F2Kn;=|Na35`v3n5_WAz$"
    "`2z*|_Y4061OoQ|5dZ=B`v4vQ00j&R^!NQ1`0N1g`~ed1|M(C99P|1B8Yl?;0Py?x1_K)k6$bV6_yhs}{q6h$@%{k;`2GUs|Mvd>{{jjE4)*>9{`"
    "mp?4fg%`3;_QK00H<0_5uO}0r~;`3IYB61@;R00{{&J0RI3D0uKNN2K~|N2LAj02Kp2J?EV8C0R9OG|NHs{|M36y`2_>~{{aN^0{;W|{s8>;6aM`"
    "F^#%O-"
    "2m<~7`}qI^5DESa`vL&_8UOwN?Faq<3jPHN^9TC>000L8`vdIu3jYB4`~UL^00{s8ECBrt`U43G_6zv{1p)vA{{RU44*&Z71P%W7{uuiJ1Mma(90"
    "B_T7XJbU>-`M<0s9C2|NH*|`vCd-0rv&}{r~p%2>|#50}=Z2`uz9-"
    "0rLd@1M~L<5B~xMANm6I1OWd4^Z*b4_x}6={R9X7`}zR{{0tKd{{sF2{r>#{0s#OE2NVVO0Q3X-"
    "{q_9;7zP3WE&l}n{sjC2_WuCn0|o*B|Nj5{{`L6@^aBA200;gG{s8{~1pWc=2LS&3@*Mj7{{8~}0{;E{`26|?`~Uy`_YD2`2mt^5{saj70RI302?"
    "7ZG`2+j+{rv_1{tE{91^)XBDi|342l@{G`uh6*2?_cW{{Q;_0{;dL{tE#80Q~^`{RJEf1M~&~2KWj90sj62|NQ;+0RI980ssC1{{#>I_wo7v00IC"
    "3|MdR;`u-XG_V@n?|Na#J_W}O?{s903_WtSs|NRLA0RsL1{Qv*~{sjR40|4#=_WcR-"
    "{{H_d2mt>A|Nr&<{Q&y_{{H~>{r?FB@B9n^4gdi73;_WC@ck114*&xV{Q&*<0R1QZ0Q&?40R8?9`~d&^2m}ZI1O5jF|Lpk?6ZilQ{s!v^{{{5^{r"
    "B_#2L$^40QCL|@&5}0@&ow!1^xR21N#aC2>=2H5B&uB_52k6@&5<@0RIR7{{sRO1O)g5{R02``v3j<{qX|-"
    "2?P`X0RQ>`{tyKF`TPI+1^NN+00RIH{Qd#<4FC552p9AN{R{#K7Zm>h_WJz%{{RI1`~~y>2@wSF|NZ;||NZp;0QLL;3l#$Q0LA$E1^@v3|Nj98|N"
    "r{^|Nrp-"
    "1OEd40Q&$14gCQI{{8;{009jA0saB~1^@*D4)Xf_0sjgA3IF;A0Q><H`1}F;`||$>`3(a90387R{reFD{`wC8{QDXJ{QCn5{Qvs$8UF_W|NI8@{{"
    "smK4gmiF1P1y075V-"
    "6_wfV(|Na93{}vJd{|)p01^x#5{s8{{{r3O>0sRL51OKH10Qv0%0RhMS0sZ$10v7@P@CX4I`S%U|0s!p*_X7V6{saH<|NR2~{{#2<`vU#x0{i{=0"
    "Qm#}{rLD50Q>v%1p)=^{{R604g&uM0R`j&`2hbI`uO|-"
    "0Qmm{0Q3L|0{#F73jh5301WvJ|NZvv0SyKF{Q&^_1o#901p)a21pWO31ONU2^#A|=0{sI8_XqtD`2Gd}4hH}F1M>p(4)p{6?f3Zj`}y_r|Na8@01"
    "E&9{|Wp6*#7_t|Ns5|1pWK`{`mv{{Otw){`2_)`~3j#`40{O0{{L4`~d*@3IGua01o=~0saX11_1x{4*vTJ_x1q&{tNv60sa2{{q6k@{`?99^ZXI"
    "?1p@^B{`vd;@dN_`0r~X<1OEW~`S1Af{{IU5`U3s@{rdp-"
    "2@3rd|NbKZ`0oAv00Z{?|M~n0{q+C;{{iLw{Rs*7_WTqA<L&?a{`vU)`Stq}3I8Pk2LSr}`v3y~0s;L33-"
    "|i{4*&fB`vCs{{{a6O`2Pj~{rv<0|NRI3^7{V(-"
    "2?gm`~CwA_5cI^00sd60Rs5@1^fXA`}zMD|L*?%0rdO>001BWBnJKr{Qm<9_5>6C6$KOe0si~>^ZWh#{`ltl0ssE|2mk~A_xld}3-"
    "AdS<n#Xj6#M)c`1%U||Nr+6|NajB2mSf+`TzR{000L42L1p600R8+`v3m^0QvqF|N8s)`}+m}2lEC1^ZfD@0sa633Ih4#1OoFM1^)j8{|NjA`Tqd"
    "x_x1oO{QUU){rm;_{_zC~@eTj^00#U3@DTg+`UCp_|Ly+#|M&j%1`7WF{1pon{sjU61_1yH0qy`D01*iO2Lk~6{`v9#03ZAY{{sO3`uX()0{#C15"
    "(N(U`27F;|NjB){rCO=6ASYG{QLy@{sQ>^{r&#@7ybqP1_A5;0RRC41R4Dl{sjmA`~dy@4*&`O`0D@t`U?jA{{;a30R#C8009mD{s8s;@caAw{R|"
    "8K1^EE?{P_O?{sIO3`T+p(8w2<K_6P6)00R8}^#A|?_W}O?{s9930R#N@`~e&4{`3C=0RPhZ{Qv;`1^)m2{{jOL0uBlN@&f(-"
    "`t<hw|NZ#>3jzA=_yqO+5dHxK0RH?2@d*C@|Ni?01poX2`2hg+0RR5~0{-{^_5%J21Md9%{{;Q~{O|tu0QyD%75M-"
    "6{}BBC`~Lb29r*nM5g7ph`2GI!{sjpD_w)Sw@&Nk&2mk{3@c#hx3j_Z900jL48vYUZ{t6fX4Eq7}_W%_D008*^{s#X6{rLU=0R<ie`}zg|2>by6{"
    "R0yI{sRCF|NjE;{s8s>`T_m|01*K95cvQW{{ja5`~CeD0sRI30RaT@=l=i&{{8;{_yzy}2HOb*7ybMI_3Qoq2Lkl`_XPbT0sQ|0{`&#||Nj&G{`m"
    "p@2mb*61pfX01pNm83jqKS_5%O_3JCuM0RQ~<0Q>_1^Zg7A0Q~&)4*?4H^#TI_0Qe070{{OA@(ch31_K5J3IH4c{|Np90Q~?01pNf<0Q~<L1N9aL"
    "{1ov11pom5{r30^00<Wf0Qvg*0Q~*_0sZ>}`TYp}3k3iD|K$Y*00jL53;X#1`~d#}{P6z(?Dzlw`UUp@0|Er#{s{a2|Ly?K{Qmv>`V08~`vCs@1P"
    "}cG0Qvm=0Q~&?2L1p5(E9)a2LAc|0Qvy^_x<n#0{!y<`vn2<@Bj@01o;*8@%{h+{}uoM|MLR^0Q>g=1~n1_`vLy{{|W*A{{00I`wIZ-?-"
    "vsT^8pV7{{jI0`0D!j`vUt20s-"
    "v_1ONvA_W%z1@#p;h4Ep~P0pJY%0S5m5`~mj;4FCQB0s#N?{s{U02LS;90sIX6`S}3@1^xy2{rvp|{QLO?8Uq0k0s8g;`2!F8`uhI@`~?8?2>u26"
    "{{a2~0uKHI0098~|Na611^5670q_t00RQ~@008~?{rvp}0u%}M`w0L4{|WF9{rUj-1^@v6^%VXGIRpR%C<Xfr^9A_-"
    "{s#B^{xAOj|N0C40R9E<`v3X}0R902`U3m<_6`07|N8m-"
    "0SEm4{{R#J0{;&K0Q>y~>=OR`2>$v204M|S`wRa41M~v_0tNp31O5m82Kom6_6q>}`UC|0_x1q({si{{{V)ak0vQ7d1`i<r@BR4;0toW|1Tz5u1p"
    "n{%2?PBL1px#A`~d?34*L8m`~(F3|NQ><^8g6_0RR#I1p);H`UL>}`}qJ0{PYU)1O5Ib00r&*3jYQE_x%0-"
    "5Az23{qyVr1^Vy^2J`>`{`mm_=KA^n0P+L>{sIO0|MUJ30R0dG{r>|1|K$br`}hA1{Q&>_2KovA`UwCB`2hz62L1Z#{`~&~0Qe#R2>k&J^#K0{{{"
    "Rg7{rm?0`u76>{{sH?`}P9?{Ql<w2Kw^)`TGF%|Ni{{C;<oo2M7rO0rmC%009CC_xA+)4*&fD2mt!{|Ni>`_Xht3"
)
"""A signed byte for each bucket of `refusal_words`, in base 85."""
