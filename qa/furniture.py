"""Which lines of a page are not its article: share bars, navigation, cookie banners, comment forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

Span = tuple[int, int]  # start and end, characters of the article's text

_SITES = r"(?:facebook|twitter|x|whatsapp|telegram|linkedin|pinterest|reddit|e-?mail|mail|messenger|vk|instagram|youtube|threads|bluesky|mastodon|tumblr|viber|line|weibo|微信|微博)"
_SHARE = r"(?:partager|partagez|share(?: this)?|tweeter|twittern|tweet|mailen|drucken|compartir|compartilhar|condividi|teilen|поделиться|مشاركة|شارك|分享)"
_TO = r"(?:sur|on|en|no|su|via|by|par|por|по|в|на|على|到|至|auf|courriel|correo)"
_ALSO = r"(?:you (?:may|might) also (?:like|enjoy)|vous (?:aimerez|aimeriez|pourriez) (?:peut-être )?aussi(?: aimer)?|(?:cela|ça) (?:peut|pourrait|devrait) (?:aussi )?vous (?:intéresser|plaire)|(?:también )?(?:te|le) pueden? interesar|você (?:também )?pode (?:também )?gostar|das könnte (?:sie|dich) auch interessieren|вам (?:также )?может (?:быть интересно|понравиться)|قد يعجبك أيض[ًا]+|猜你喜欢|您?可能[还也]喜欢|potrebbe (?:interessarti|piacerti)(?: anche)?)"
# Each pattern describes a whole line, so that a sentence of an article that mentions Facebook stays.
_LINE_PATTERNS = [
    # share bars: nothing but words of sharing and names of sites
    rf"(?:(?:{_SHARE}|{_SITES}|{_TO})(?:[\s:|·•,/-]+|\Z))+",
    rf"(?:{_SHARE}) ?(?::.{{0,60}}|(?:cet article|cette page|this (?:article|story|post|page)|este artículo|este artigo|questo articolo|diesen artikel|эту статью|статьей|статьёй)(?:\W.{{0,60}})?)",
    rf"分享(?:到)?[:：]?(?:\s*(?:{_SITES}|[^\s。，]{{1,6}}))*",
    r"(?:(?:copier le lien|copy link|copiar (?:enlace|link)|imprimer|print|imprimir|drucken|envoyer(?: (?:par (?:e-?)?mail|à un ami))?|enregistrer|save(?: article)?|sauvegarder|partager|share|taille du texte.{0,12}|версия для печати)(?:\s*[|·•,/]\s*|\s{2,}|\Z))+",
    # navigation
    r"(?:previous|next|prev)(?: (?:slide|article|post|page|story))?|(?:diapositive|article|page|articles?) (?:précédente?|suivante?)s?|(?:précédent|suivant|anterior|siguiente|próximo|seguinte|zurück|weiter|назад|далее|вперёд|вперед|السابق|التالي|上一篇.{0,40}|下一篇.{0,40})",
    r"(?:accueil|home|inicio|início|startseite|главная|الرئيسية|首页)(?:\s*[>›»/|·•]\s*.{0,120})?",
    r"(?:menu|aller au contenu(?: principal)?|skip to (?:main )?content|ir al contenido(?: principal)?|(?:pular|ir) para o conteúdo(?: principal)?|zum inhalt springen|перейти к содержанию|retour (?:à l['’]accueil|en haut)|back to top|volver arriba|haut de page|search|rechercher|recherche|buscar|suche|поиск|بحث|搜索)",
    r"[^>›]{1,40}(?:[>›][^>›]{1,40}){2,}",
    r"logo .{1,60}",
    r"(?:se connecter|s['’]inscrire|s['’]abonner|abonnez-vous.{0,80}|je m['’]abonne.{0,60}|log ?in|sign (?:in|up)|subscribe.{0,60}|suscríbete.{0,80}|suscribirse.{0,60}|inscreva-se.{0,80}|assine.{0,60}|abonnieren.{0,60}|(?:zum newsletter )?anmelden|подпис(?:аться|ывайтесь|ка).{0,80}|войти|اشترك.{0,60}|订阅.{0,30}|登录|注册)",
    rf"(?:suivez|rejoignez|retrouvez|follow|join|síguenos|siga|folgen sie|следите|читайте нас|تابعونا|关注)[ -]?(?:nous|us|uns|за нами)?\b.{{0,30}}(?:{_SITES}).{{0,60}}",
    r"(?=.{0,200}(?:réservé aux abonnés|déjà (?:abonné|inscrit)|connectez-vous|subscribers only|already a subscriber|solo para suscriptores|ya (?:eres|es) suscriptor|exclusivo para assinantes|nur für abonnenten|только для подписчиков|للمشتركين فقط)).{1,200}",
    # related
    r"[>›»→•*_(\[-]*\s*(?:(?:[àa] )?lire (?:aussi|également|plus|la suite|encore)|also read|voir aussi|sur le même (?:sujet|thème)|à découvrir|read (?:also|more|next)|see also|related (?:articles?|stories|posts?)|related|more on this(?: story)?|lea también|le puede interesar|lee también|ver también|relacionad[oa]s?|leia (?:também|mais)|veja também|lesen sie auch|mehr zum thema|siehe auch|читайте также|по теме|см\. также|اقرأ أيضا.?|مواضيع ذات صلة|相关(?:阅读|新闻|文章|报道)|延伸阅读|leggi anche)(?:[*_]*\s*[:：>›»–-].{0,160}|.{0,30})",
    rf"{_ALSO}\s*[:：…]?",
    r"(?:recommandés?|recommended|recomendad[oa]s?|empfohlen|рекомендуем|推荐)(?: pour vous| for you| para (?:ti|usted|você)| für sie)?(?: .{0,20})?|(?:les )?plus (?:lus|récents|populaires|commentés)|most (?:read|popular|viewed)|trending|(?:las? )?más leíd[oa]s|mais lidas|meistgelesen|самое читаемое|популярное|الأكثر قراءة|热门.{0,8}",
    r"articles? (?:enfants?|liés|connexes|similaires|recommandés|associés|suivants?|précédents?)(?: .{0,60})?",
    r"(?:dans cet article|in this article|en este artículo|neste artigo|in diesem artikel|tags?|mots[- ]clés|étiquettes|keywords|etiquetas|schlagwörter|теги|метки|темы|وسوم|كلمات مفتاحية|标签|关键词|classé sous|filed under|catégories?|categories|categorías?|publié dans|posted in|rubriques?)\s*[:：].{0,160}",
    r"(?:[#＃][\w·’'-]+[\s,]*)+",
    # counters
    r"(?:views?|vues|visites|visitas|lectures?|reads|hits|просмотр(?:ов|ы|а)?|aufrufe|مشاهدات|阅读(?:量|数)?|浏览(?:量|次数)?|点击(?:量|数)?|shares?|partages|likes?|j['’]aime|commentaires?|comments?|comentarios|comentários|kommentare|комментари(?:и|ев|й)|تعليقات|评论)\s*[:：(]?\s*[\d  .,kKmM]*\)?",
    r"[\d  .,]+\s*(?:[kKmM]\s*)?(?:views?|vues|visites|visitas|visualizaciones|visualizações|lectures?|reads|partages|shares?|likes?|j['’]aime|commentaires?|comments?|comentarios|comentários|kommentare|просмотр(?:ов|а|ы)?|комментари(?:ев|я|й)|مشاهدة|تعليقات|次(?:阅读|浏览)|评论)",
    r"(?:temps de lecture|lecture|reading time|tiempo de lectura|tempo de leitura|lesezeit|время (?:чтения|на чтение)|وقت القراءة|阅读时间)\s*[:：]?\s*(?:~|≈|env\.)?\s*\d+\s*(?:min|мин|دقائق|分)\w*\.?|\d+\s*(?:min|minutes?|минут[ыа]?|мин\.?|分钟)(?: (?:de lecture|read|de lectura|de leitura|lesezeit|чтения))?",
    # cookies
    r"(?=.{0,300}\b(?:cookies?|куки|cookies)\b)(?=.{0,500}(?:utilis|accept|consent|préféren|paramètr|refus|nous|we use|agree|settings|polic|acept|usamos|utiliza|política|verwend|zustimm|einstellung|использу|соглас|نستخدم|使用)).{1,500}",
    r"(?:tout accepter|tout refuser|accepter(?: et fermer)?|continuer sans accepter|accept all|reject all|manage (?:preferences|cookies)|aceptar(?: todo)?|rechazar(?: todo)?|aceitar(?: todos)?|alle akzeptieren|ablehnen|принять(?: все)?|قبول|接受|paramétrer.{0,30}|gérer mes choix|ok|j['’]accepte)",
    # credits and endings
    r"(?:(?:written|posted) by\s|(?:auteur|sources?|fuente|quelle|источник|المصدر|来源|crédits?(?: photo)?|photo|credit|foto|фото|image|illustration|bild)\s*(?:[:：©]|/\s))[^!?。]{1,60}",
    r"(?:©|copyright\b|\(c\)|tous droits réservés|all rights reserved|todos los derechos reservados|todos os direitos reservados|alle rechte vorbehalten|все права защищены|جميع الحقوق محفوظة|版权所有).{0,120}",
    r"(?:https?://|www\.)\S+|(?:[\w-]+\.)+(?:com|net|org|fr|ru|cn|info|eu|es|de|br|uk|ch|be|tv|io|news)(?:/\S*)?",
    r"(?:publicité|advertisement|anuncio|publicidad|publicidade|anzeige|werbung|реклама|إعلان|广告|sponsorisé|sponsored)",
    r"(?:commenter|réagir|répondre|reply|leave a (?:comment|reply).{0,40}|laisser un commentaire.{0,40}|deja un comentario|deixe um comentário|kommentar (?:schreiben|hinterlassen)|оставить комментарий|добавить комментарий|اترك تعليقا.{0,20}|发表评论|cancel reply|annuler la réponse)",
    r"(?:votre adresse e-?mail ne sera pas publiée|your email address will not be published|tu dirección de correo electrónico no será publicada|o seu endereço de e-?mail não será publicado|ihre e-?mail-adresse wird nicht veröffentlicht|ваш (?:адрес )?e-?mail не будет опубликован|لن يتم نشر عنوان بريدك الإلكتروني|您的(?:电子)?邮箱地址不会被公开).{0,200}",
    r"(?:les champs obligatoires sont indiqués|required fields are marked|los campos obligatorios están marcados|campos obrigatórios são marcados|erforderliche felder sind|обязательные поля помечены).{0,100}",
    r"(?:nom|name|nombre|nome|имя|e-?mail|site web|website|prénom|commentaire|comment|comentario|message)\s*\*?",
    r"(?:newsletter|lettre d['’]information|boletín|infolettre)(?: .{0,80})?|inscrivez-vous à .{0,80}|(?:recevez|receive|reciba|receba|erhalten sie) .{0,60}(?:newsletter|e-?mail|boîte|inbox|correo).{0,60}",
    r"(?:mentions légales|contact(?:ez-nous)?|à propos|about(?: us)?|privacy policy|politique de confidentialité|terms(?: of (?:use|service))?|impressum|datenschutz|aviso legal)(?:\s*[|·•-].{0,120})?",
    r"(?:charger plus|voir plus|afficher (?:la suite|plus)|load more|show more|ver más|ver mais|mehr anzeigen|показать (?:ещё|еще)|عرض المزيد|加载更多|查看更多)(?: .{0,40})?",
    r"(?:écouter|listen|escuchar|ouvir|anhören|слушать)(?: (?:l['’]article|cet article|to this article|el artículo|o artigo))?(?:\s*[\d:]+)?",
    r"【[^】]{1,8}】|\[[^\]\n]{1,40}\]",
    r"[\W_]*\d*[\W_]*",  # rulers, bullets, page numbers
    r"[a-zA-Z]{1,2}",  # a stray «in», «X»
]


@cache
def _line() -> re.Pattern[str]:
    """Compiled when first used: it takes a tenth of a second, and questions never need it."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in _LINE_PATTERNS), re.IGNORECASE)


# After one of these lines a page goes on with forms and links to other pages, unless an article follows.
_ENDING = re.compile(
    r"(?:laisser un commentaire|leave a (?:comment|reply)|deja un comentario|deixe um comentário"
    r"|kommentar (?:schreiben|hinterlassen)|(?:оставить|добавить) комментарий|اترك تعليقا|发表评论"
    r"|recommandés? pour vous|recommended for you|sur le même (?:sujet|thème)|votre adresse e-?mail|your email address"
    r"|(?:les )?plus lus|most read|articles (?:liés|similaires|connexes)|related (?:articles|stories|posts)"
    rf"|{_ALSO}).{{0,200}}",
    re.IGNORECASE)
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()\s]*\)|\*\*|__")  # of Markdown: what it shows, and the marks of strong words
_LONGEST_FURNITURE = 500  # characters: no share bar is longer, and most paragraphs are
_PARAGRAPH = 140  # characters: a line this long is prose, not a link
_SENTENCE = 30  # characters: so is a shorter one that ends as a sentence does


def lines(text: str) -> Iterator[Span]:
    """(start, end) of each line; only "\\n" ends a line (str.splitlines would also cut at U+2028 and others)."""
    start = 0
    while start <= len(text):
        end = text.find("\n", start)
        if end < 0:
            end = len(text)
        yield start, end
        start = end + 1


_BETWEEN = re.compile(r"\s{2,}|\t|\u3000|(?<=】)(?=【)|\s+[|·•/»>–-]\s+")
_PATH = re.compile(r"\s+[/»>›]\s+")
_MENU_ITEM = 30  # characters


def _is_menu(line: str) -> bool:
    """True for items side by side and nothing like a sentence: four or more short ones are a menu bar, three on a
    path say where the page stands, and where each is furniture for itself so is the line."""
    line = line.strip()
    if len(line) > _LONGEST_FURNITURE or line.startswith("|") or line[-1:] in ".!?…。":
        return False
    items = _BETWEEN.split(line)
    if len(items) >= 4 or len(_PATH.split(line)) >= 3:
        return all(len(item) <= _MENU_ITEM for item in items)
    return len(items) > 1 and all(_line().fullmatch(item.strip()) for item in items if item.strip())


def _is_furniture(line: str) -> bool:
    """True for a line that is, or shows where its links are followed, nothing of an article."""
    return bool(_line().fullmatch(line)) or ("](" in line and bool(_line().fullmatch(_LINK.sub(r"\1", line))))


def furniture(text: str, skipped: tuple[Span, ...]) -> tuple[Span, ...]:
    """Lines of the page that are not the article, sorted; `skipped` are spans already known to be none."""
    begin = skipped[-1][1] if skipped else 0
    marked: list[Span] = list(skipped)
    tail: list[Span] = []  # text lines since the last ending; furniture if no paragraph follows
    ended = False
    for start, end in lines(text):
        if start < begin:
            continue
        line = " ".join(text[start : min(end, start + 4 * _LONGEST_FURNITURE)].split())
        if not line:
            continue
        if len(line) <= _LONGEST_FURNITURE and (_is_menu(text[start:end]) or _is_furniture(line)):
            marked.append((start, end))
            if _ENDING.fullmatch(line):
                ended = True
        elif ended:
            wide = sum(1 for character in line if character > "\u2e80")
            sentence = line[-1] in ".!?…»。" and line[0] not in ">-–•*→"
            if len(line) + 2 * wide >= (_SENTENCE if sentence else _PARAGRAPH):
                ended, tail = False, []
            else:
                tail.append((start, end))
    if ended:
        marked.extend(tail)
    return tuple(sorted(marked))


_SENTENCE_END = re.compile(r"[.!?…。！？؟।:：;；,，][»”\"')\]]*\Z")


def ends_as_sentence(line: str) -> bool:
    """True where a line ends as a sentence or a part of one does; headings, labels and buttons do not."""
    return bool(_SENTENCE_END.search(line))


def runs(text: str, marked: tuple[Span, ...]) -> list[Span]:
    """The stretches of text between furniture, without surrounding white space: together with the furniture
    and white space they are the whole text."""
    found: list[Span] = []
    cursor = 0
    for start, end in (*marked, (len(text), len(text))):
        piece = text[cursor:start]
        stripped = piece.strip()
        if stripped:
            offset = cursor + len(piece) - len(piece.lstrip())
            found.append((offset, offset + len(stripped)))
        cursor = max(cursor, end)
    return found
