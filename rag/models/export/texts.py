"""The pairs with which an exported model is compared with its original: the same for every model.

An export is worth keeping only if it says what its original says, so both read these texts and their
scores or vectors are compared. Each of the eight questions has six passages: one answers it, one comes
close on the same subject, and the others share little with it but words. They stand in no fixed order,
because a model that scores everything alike would otherwise seem to rank well.

The languages (English, Italian, German, French, Spanish, Chinese, and a passage of Japanese), the lengths
(3 to about 180 words) and the oddities (digits, accents, quotes, code, a URL, a table, an emoji) are there
to reach the corners of a vocabulary and of padding. Changing a text makes earlier figures incomparable.
"""

QUESTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Why does the road of a suspension bridge hang from cables?",
        (
            (
                "An arch bridge works the other way round: its stones or ribs are squeezed together, and the "
                "thrust runs along the curve into the abutments on both banks. The Romans built arches of "
                "plain stone that still stand, and the aqueduct of Segovia was put up without mortar. An "
                "arch needs firm ground at its feet, and it seldom leaps over half a kilometre."
            ),
            "Hang it here.",
            (
                "On a suspension bridge the deck is carried from above. Steel hangers take its weight up to "
                "two main cables, the cables run over tall towers, and at each end they are tied into heavy "
                "anchorages of rock or concrete. Steel is at its best when it is pulled, so a cable in "
                "tension spans far more than a beam of the same weight, which would have to resist bending. "
                "That is why the longest spans in the world, such as the 2,023 m of the 1915 Çanakkale "
                "Bridge in Turkey, are crossed this way: there was no room for pillars in between."
            ),
            (
                "Cable television reached most homes through coaxial wires, a copper core inside a braided "
                "shield. The signal weakens with distance, so amplifiers stand along the street every few "
                "hundred metres, and the last one splits the line between neighbours."
            ),
            (
                "To hang a hammock, tie each strap around a living tree at about chest height, leave a "
                "generous sag, and sit down slowly: one stretched flat pulls much harder on them."
            ),
            (
                "A puncture is mended in a quarter of an hour. Turn the bicycle over, open the quick release "
                "and take the wheel out. Work one edge of the tyre over the rim with two levers, starting "
                "opposite the valve. Pull the inner tube out and pump it up a little; a hole that you cannot "
                "hear shows itself as a row of bubbles in a bowl of water. Mark it, dry the tube, and rub "
                "the place with the small piece of sandpaper from the kit until dull. Spread the glue thinly "
                "over an area larger than the patch, wait about five minutes, and press the patch on hard "
                "with your thumb. Meanwhile feel along the inside of the tyre for the thorn or the splinter "
                "of glass that did it, or the new patch will not last a day. Put the tube back with a little "
                "air in it, push the tyre over the rim by hand without pinching it, and pump it up to the "
                "pressure printed on the side."
            ),
        ),
    ),
    (
        "How do I make Python read a CSV file whose columns are separated by semicolons?",
        (
            (
                'Open the file with newline="" and tell the reader which character separates the columns: '
                'csv.reader(handle, delimiter=";"). If the first line holds the names, '
                'csv.DictReader(handle, delimiter=";") gives one dictionary per row. When the separator is '
                "not known beforehand, csv.Sniffer().sniff(sample) guesses it from the first few lines. The "
                "module is described at https://docs.python.org/3/library/csv.html"
            ),
            (
                "A semicolon joins two sentences that could each stand alone but belong together; it is "
                "stronger than a comma and weaker than a full stop. Writers also use it in lists whose items "
                "already contain commas: Turin, Italy; Lyon, France; Ghent, Belgium."
            ),
            "def area(width: float, height: float) -> float: return width * height",
            (
                "Pythons are snakes that kill by squeezing. The reticulated python of South-East Asia is the "
                "longest of them, often beyond 6 m, and swallows its prey whole 🐍."
            ),
            (
                "To write a file that a spreadsheet opens without questions, call csv.writer(handle) and "
                "then writerow once for every row. The writer puts quotes around a value only where it has "
                "to, for instance when the value itself contains a comma or a line break, and it ends each "
                "line with a carriage return and a line feed unless lineterminator says otherwise."
            ),
            (
                "A Doric column stands directly on the platform of the temple and has a plain, cushion-like "
                "capital. An Ionic one rests on a base of its own and is crowned with two scrolls. The "
                "Corinthian order came last; its capital is carved with rows of acanthus leaves, and the "
                "Romans liked it best of all. Seen from afar the shafts look straight, but most of them "
                "swell a little in the middle."
            ),
        ),
    ),
    (
        "Entro quanti giorni posso restituire un prodotto comprato online?",
        (
            (
                "I libri presi in prestito si restituiscono entro 30 giorni al banco della biblioteca, "
                "oppure nella cassetta accanto all'ingresso, aperta anche di notte. Il prestito si può "
                "rinnovare due volte, purché nessun altro lettore abbia prenotato il volume."
            ),
            "Prodotto esaurito, torna presto!",
            (
                "La garanzia legale di conformità dura due anni dalla consegna e riguarda i difetti, non i "
                "ripensamenti. Se la cosa comprata non funziona, il consumatore chiede anzitutto la "
                "riparazione o la sostituzione, senza spese; solo quando queste non sono possibili ottiene "
                "uno sconto o lo scioglimento del contratto. Per l'usato le parti possono accordarsi su una "
                "durata più breve, ma mai inferiore a un anno."
            ),
            (
                "Ordine n. 2024/0318: 2 × tazza «Etna», 1 × teiera; totale 47,80 €; pagato con carta; "
                "consegna prevista martedì."
            ),
            (
                "Chi compra a distanza, per esempio su un sito, può recedere dal contratto entro 14 giorni "
                "da quando riceve la merce, senza dover dare spiegazioni. Basta una dichiarazione esplicita, "
                "anche per posta elettronica; da quel momento ci sono altri 14 giorni per rispedire il "
                "pacco. Il venditore rimborsa il prezzo e la consegna ordinaria, mentre le spese di "
                "restituzione restano di solito a carico dell'acquirente. Il recesso non vale per i beni "
                "fatti su misura e per quelli che si deteriorano in fretta. Se il venditore non ne ha "
                "informato l'acquirente, il termine si allunga di dodici mesi."
            ),
            (
                "Anche su un balcone si può fare il compost. Serve un contenitore con qualche foro, "
                "sollevato da terra, con uno strato di rametti sul fondo perché l'aria circoli. Si alternano "
                "scarti umidi, come bucce e fondi di caffè, e materiale secco, come foglie e cartone a "
                "pezzetti; ogni settimana si rimescola. Se puzza è troppo bagnato, se resta freddo troppo "
                "secco."
            ),
        ),
    ),
    (
        "A che temperatura si tempera il cioccolato fondente?",
        (
            (
                "Una matita si tempera girandola nel temperamatite senza premere: la lama dev'essere "
                "affilata, altrimenti il legno di cedro si scheggia e la mina si spezza. Le matite morbide, "
                "come la 4B, si consumano più in fretta di una 2H."
            ),
            (
                "Per la torta al cioccolato si scalda il forno a 180 °C, statico. Si sciolgono 200 g di "
                "fondente con 150 g di burro, si uniscono quattro tuorli montati con lo zucchero, poi la "
                "farina e infine gli albumi a neve, con delicatezza. Bastano 25 minuti: il centro deve "
                "restare morbido, e uno stecchino ne uscirà appena umido."
            ),
            (
                "Il fondente si scioglie a bagnomaria fino a 45–50 °C, perché tutti i cristalli del burro di "
                "cacao scompaiano. Se ne versano due terzi su un piano di marmo e si lavorano con la spatola "
                "finché scendono a 27–28 °C e la massa comincia ad addensarsi; poi si riuniscono al resto e "
                "si riportano a 31–32 °C, la temperatura a cui si versa negli stampi. Temperato così, il "
                "cioccolato è lucido, si stacca da solo e si spezza con un colpo secco. Se supera i 34 °C "
                "bisogna ricominciare da capo."
            ),
            "Buono, ma amaro.",
            (
                "Tipo | Fusione | Raffreddamento | Lavorazione\n"
                "Al latte | 40–45 °C | 26–27 °C | 29–30 °C\n"
                "Bianco | 40–45 °C | 25–26 °C | 28–29 °C"
            ),
            (
                "La tempra rende duro l'acciaio: il pezzo si scalda oltre gli 800 °C, al calor rosso, e si "
                "immerge di colpo in acqua o in olio. Diventa però fragile come il vetro, e per questo lo si "
                "rinviene, cioè lo si scalda di nuovo a 200–300 °C, finché prende il colore della paglia. Il "
                "fabbro giudicava a occhio, in penombra; oggi lo fa un termometro."
            ),
        ),
    ),
    (
        "Warum ist der Himmel tagsüber blau?",
        (
            "Blauer Montag, freier Tag.",
            (
                "Das Sonnenlicht enthält alle Farben. In der Luft trifft es auf Moleküle, die viel kleiner "
                "sind als seine Wellenlänge, und diese lenken kurzwelliges, also blaues Licht weit stärker "
                "ab als langwelliges rotes: Die Streuung wächst mit der vierten Potenz der Frequenz. Deshalb "
                "erreicht uns das Blau aus allen Richtungen, während das übrige Licht fast geradeaus "
                "weiterläuft. Violett wird zwar noch stärker gestreut, doch die Sonne sendet davon weniger "
                "aus, und unsere Augen sind dafür weniger empfindlich."
            ),
            (
                "Abends steht die Sonne tief, und ihr Licht legt einen viel längeren Weg durch die Luft "
                "zurück. Das Blau ist dann längst zur Seite gestreut, übrig bleiben Orange und Rot, und die "
                "Wolken leuchten von unten. Staub und feine Tröpfchen verstärken das Schauspiel; nach großen "
                "Vulkanausbrüchen war das Abendrot noch jahrelang auffällig."
            ),
            (
                "Für eine blaue Wand braucht man zwei Anstriche. Zuerst wird der Putz grundiert, dann "
                "verdünnt man die Farbe mit höchstens 5 % Wasser und rollt sie kreuzweise auf. Zwischen den "
                "Schichten sollten mindestens vier Stunden liegen."
            ),
            (
                "„Himmel un Ääd“ heißt in Köln ein Gericht aus Kartoffelpüree, Apfelmus und gebratener "
                "Blutwurst: Die Äpfel wachsen am Baum, die Kartoffeln in der Erde."
            ),
            (
                "Wer den Wagen für längere Zeit abstellt, sollte ein paar Dinge vorbereiten. Der Tank wird "
                "vollgemacht, damit sich in ihm kein Wasser niederschlägt, und die Reifen bekommen 0,5 bar "
                "mehr als vorgeschrieben, damit sie sich nicht eindrücken. Die Batterie hängt man an ein "
                "Erhaltungsladegerät oder klemmt sie ab, wobei immer zuerst der Minuspol gelöst wird. Die "
                "Handbremse bleibt offen, weil die Beläge sonst festrosten; stattdessen legt man den ersten "
                "Gang ein und sichert die Räder mit Keilen. In den Fußraum stellt man eine Schale mit Salz "
                "gegen die Feuchtigkeit. Ein Überzug aus Stoff, der Luft durchlässt, ist besser als eine "
                "Plane. Im Frühjahr prüft man Öl, Kühlwasser und Bremsflüssigkeit, setzt den Luftdruck "
                "zurück und fährt die ersten Kilometer behutsam, bis die Bremsscheiben wieder blank sind."
            ),
        ),
    ),
    (
        "Combien de temps faut-il pour faire lever une pâte au levain ?",
        (
            (
                "Avec 10 g de levure de boulanger fraîche pour 500 g de farine, la pâte double de volume en "
                "une heure à une heure et demie près d'un radiateur. On la dégaze du poing, on la façonne, "
                "puis on la laisse encore quarante minutes sous un torchon avant de l'enfourner à 230 °C."
            ),
            "Lève-toi plus tôt.",
            (
                "Le soleil se lève à Brest une cinquantaine de minutes après Strasbourg, bien que les deux "
                "villes vivent à la même heure : 12 degrés de longitude les séparent."
            ),
            (
                "Le levain est bien plus lent que la levure. À 24 °C, comptez quatre à six heures pour la "
                "première pousse, le pointage, avec un rabat toutes les trente minutes au début ; la pâte "
                "doit gagner environ la moitié de son volume et trembler quand on secoue le bac. Après le "
                "façonnage viennent encore deux heures d'apprêt, ou bien une nuit de huit à douze heures au "
                "réfrigérateur, qui donne une mie plus acide et une croûte plus brune. S'il fait 20 °C dans "
                "la cuisine, tout dure presque deux fois plus longtemps : regardez la pâte, pas l'horloge."
            ),
            (
                "« Tirer à pâte » ne se dit plus guère, mais la pâte à papier, elle, se fait toujours avec "
                "du bois râpé ou cuit, beaucoup d'eau et de la patience. On l'étale sur une toile, on "
                "l'égoutte, on la presse entre des feutres et on la sèche sur des cylindres chauds."
            ),
            (
                "Lundi | 7 h 30 – 12 h 30 | 15 h – 19 h ; mercredi | fermé ; dimanche | 8 h – 13 h, "
                "commandes au 01 99 00 12 34."
            ),
        ),
    ),
    (
        "¿Por qué es salada el agua del mar?",
        (
            (
                "El agua de la lluvia es ligeramente ácida y, al correr sobre las rocas, disuelve una parte "
                "mínima de sus minerales. Los ríos arrastran esos iones hasta el océano, y a ellos se suman "
                "los que expulsan los volcanes y las fuentes calientes del fondo. El sol evapora el agua, "
                "pero deja las sales atrás; durante cientos de millones de años se han acumulado hasta unos "
                "35 gramos por litro, sobre todo cloruro y sodio. Hoy la cantidad apenas cambia, porque lo "
                "que llega se compensa con lo que se deposita en los sedimentos."
            ),
            "¡Qué salado eres!",
            (
                "Para quitar la sal al agua del mar se la empuja a gran presión, unas 60 atmósferas, contra "
                "una membrana que deja pasar el agua y retiene los iones. Es lo que hacen las plantas de "
                "Canarias y de Almería: por cada litro potable devuelven al mar más de un litro de salmuera, "
                "que conviene diluir lejos de la costa para no dañar las praderas marinas."
            ),
            (
                "El bacalao salado se desala en la nevera durante 36 o 48 horas, con la piel hacia arriba y "
                "cambiando el agua tres veces al día. Los trozos finos están listos antes; para saber si "
                "falta, se prueba una lámina del centro."
            ),
            (
                "Mareas: pleamar 04:12 (3,9 m) y 16:37 (4,1 m); bajamar 10:21 (0,8 m) y 22:48 (0,7 m). "
                "Bandera roja."
            ),
            (
                "La palabra «salario» viene del latín salarium, que se relaciona con la sal. Se cuenta a "
                "menudo que los soldados romanos cobraban en sal, pero ningún texto antiguo lo dice con "
                "claridad; más bien parece que recibían dinero, y que una parte de él estaba pensada para "
                "comprarla. De la misma raíz salen salsa, salchicha y ensalada."
            ),
        ),
    ),
    (
        "为什么有些年份的二月有二十九天？",
        (
            (
                "地球绕太阳一周大约需要365天5小时48分46秒，比365天多出将近四分之一天。如果每年都只算365天，日"
                "历会慢慢落后于季节，一百年就差二十四天左右。所以每四年在二月末加一天，这一年叫闰年。不过四年"
                "加一天又稍微多了一点，因此整百的年份只有能被400整除时才是闰年：2000年是闰年，1900年和2100年"
                "都不是。"
            ),
            "二月真的很冷。",
            (
                "农历的闰年不是加一天，而是加一个月。十二个朔望月只有354天左右，比一个回归年短十一天，所以十"
                "九年里要加七个闰月，才能让春节一直落在冬末春初。没有中气的那个月就定为闰月，名字随前一个月。"
            ),
            (
                "うるう秒は、地球の自転がわずかに遅れたときに世界の時計をそろえるため、協定世界時に加えられる"
                "1秒のことです。1972年から2016年までに27回挿入されました。"
            ),
            (
                "煮一锅好吃的面条，水要多，一百克面至少用一升水。水开以后放盐，再下面，用筷子搅一搅，免得粘在"
                "一起。煮到中间还有一点白芯就捞出来，留半碗面汤，倒进酱里拌匀，味道会更浓。"
            ),
            (
                "会议定于2月29日（星期四）14:30在302室举行，请带上合同第3版和预算表；不能来的请写信到 "
                "office@example.org。"
            ),
        ),
    ),
)
