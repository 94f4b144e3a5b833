/* demo_grammar.c: rules, lexicon and sampling of the demonstration reviews.
 *
 * A review is a sequence of sentences. Most tell something; the others judge, and mostly agree with
 * the review's label. A judgement has a polarity, and its words often have the other one: a
 * negation turns them ("hardly a masterpiece"), and of two contrasted clauses the later one counts.
 * So the words of a review say less than their order. */
#include "data/demo_grammar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"
#include "util/random.h"

/* Words as IMDB's: lognormal lengths (median 174, mean 233), and rare words that fall by a
 * Zipf-Mandelbrot law, p(rank) ~ (rank + SHIFT)^-EXPONENT. */
#define LENGTH_LOG_MEAN 5.21
#define LENGTH_LOG_DEVIATION 0.66
#define LENGTH_MIN 10
#define RARE_WORDS 60000
#define RARE_SHIFT 2200.0
#define RARE_EXPONENT 1.8
#define NAMES 4 /* rare words that return in a review, as a film's characters do */

/* With these the tutorial's LSTM gets about 0.90 of the test reviews right and a bag of words over
 * the same last 100 words 0.70 (IMDB: 0.85). */
#define JUDGES 0.35 /* share of sentences that judge */
#define AGREES 0.94 /* share of judgements that agree with the label */

/* A context-free grammar. %x stands for a phrase of rule x of the same polarity, ~x of the opposite
 * one; '|' separates alternatives. Rules with a capital letter choose among them evenly, the others
 * the earlier the more often. Two more symbols: w a rare word, c a name of the review. */
typedef struct rule {
    char symbol;
    int polarity; /* +1, -1, or 0: the rule is for both */
    const char *alternatives;
} rule;

static const rule rules[] = {
    /* A sentence that tells. What it calls good or bad says nothing about the film. */
    {'T', 0,
     "%e %w of %h and %w is %e %w of a %w %w|"
     "%c is a %w %h who %d to the %w with %c and a %w|"
     "it is %e %w of %c and %c in a %w %w %o %e %h|"
     "%f %c %d the %w and %d in %e %w %w of %w|"
     "there is a %w in %e %h %w and it %d %o a %w|"
     "i saw this %w %n with my %r on %w|"
     "in the %w of %h %c has to find %e %w of %e %w %w|"
     "the %n was made in %w by %e %w %h of %w %w|"
     "he %d %o his %w %w and she %d to her %w and %h|"
     "they are %w %w and %w %w but not %w|"
     "%c and %c are %o %e %h when the %w %w %d|"
     "this is a %n about %w %w and %w and %e %h of %w|"
     "as %e %w of %w %w %c is %w and %h|"
     "you will see %w %w and %w and a lot of %w|"
     "we %f see that the %w %h is a %w %w|"
     "one of %e %w %w is played by %w %h|"
     "%e %a %w %d %o the %a %w %w|"
     "%c meets a %a %w from %w who %d %o %h %w|"
     "at the end of %e %w %w there is %f a %w|"
     "that is what %e %w of the %h is all about|"
     "it was on %w so i had some %w %w for it|"
     "for those who know %w %w it is like %h %o %w|"
     "%e %w who %d %c has been in %w and %w and %w|"
     "%h %w and %w %w are all in the same %w|"
     "what would you do if your %w were a %h %w|"
     "her %w is %w %w and his %w is %h %w|"
     "i have %f read %e %w by %w %w|"
     "most of the %w %h %d %o %w at %e %w|"
     "%f it %d like a %w %w from %e %w of %h|"
     "then %c %d an old %w and the %w of %w %d|"
     "so %c goes %o %w to find %e %a %w of %h|"
     "some %w %o me said that it is like %w %w|"
     "no one in %w can stop %e %w %h of %w %w|"
     "the %w %w and %e %w %h were %o %e %w"},
    /* A sentence that judges: plain, negated, contrast. */
    {'J', 0, "%P|%P|%P|%P|%P|%N|%N|%K|%K"},
    {'P', 0,
     "the %n was %i %a|"
     "the %n is %a|"
     "i %i %v the %n|"
     "i %v this %n and the %w %w in it|"
     "it is a %i %a %n|"
     "this %n is a %m|"
     "what a %a %n|"
     "%c gives a %a performance as %w %w|"
     "the %n by %w %w is %i %a and %a|"
     "my %r and i %v it|"
     "everyone will %b it|"
     "the %w %w scenes are %i %a|"
     "it was a %m from start to finish|"
     "the %n of %w makes it a %m"},
    {'N', 0,
     "the %n was not %i ~a|"
     "the %n is not ~a|"
     "it is never ~a|"
     "i did not %i ~b the %n|"
     "i do not ~b this %n|"
     "you can not ~b it|"
     "this is not a ~a %n|"
     "it is hardly a ~m|"
     "the %n is far from ~a|"
     "nobody could ~b the %n|"
     "there is nothing ~a about the %n|"
     "%c is never ~a in it|"
     "the %n is hardly ~a|"
     "this %n is not the ~m that %w said it was"},
    /* The later clause counts. */
    {'K', 0,
     "~C but %C|"
     "~C but %C|"
     "~C however %C|"
     "although ~C %C|"
     "even though ~C %C|"
     "~C yet in the end %C"},
    {'C', 0, "%P|%P|%P|%N"},
    /* Words. */
    {'n', 0,
     "movie|film|story|acting|plot|script|cast|ending|music|show|picture|dialogue|direction|"
     "photography|editing|humor|beginning|middle|soundtrack|comedy|drama|romance|thriller|remake|"
     "sequel|screenplay|production|setting|atmosphere|pacing"},
    {'h', 0,
     "man|woman|life|people|world|time|war|house|town|scene|role|girl|boy|"
     "character|money|death|city|school|night|car|director|hero|village|police|"
     "murder|king|doctor|hotel|train|island|river|summer|winter|secret|letter|dog|"
     "horse|ship|farm|church|bank|prison|garden|forest|mountain|soldier|teacher|"
     "lawyer|thief|ghost|monster|robot|alien|zombie|vampire|witch|queen|prince|bride|"
     "wedding|party|dance|song|band|game|race|fight|battle|army|plane|bomb|gun|"
     "knife|blood|fire|storm|snow|desert|ocean|beach|road|bridge|tower|castle|"
     "palace|museum|theater|hospital|office|kitchen|window|door|mirror|picnic|dinner|"
     "coffee|bottle|diamond|gold|silver|stone|paper|book|diary|camera|phone|radio|"
     "television|computer|machine|planet|moon|star|sun|sky|dream|memory|truth|lie|"
     "crime|revenge|justice|freedom|power|fear|hope|faith|luck|fate|pain|silence|"
     "voice|face|hand|eye|heart|mind|soul|child|baby|uncle|aunt|cousin|neighbor|"
     "stranger|villain|actor|actress|writer"},
    {'e', 0, "the|the|a|his|this|her|that|their|my|our|its|every|another|your|each"},
    {'r', 0, "wife|friend|husband|sister|mother|father|son|daughter|family|class"},
    {'i', 0, "|very|really|so||quite|truly|pretty|rather|simply|just|absolutely|completely"},
    {'f', 0,
     "then|also|now|again|still|even|just|always|often|soon|later|once|perhaps|maybe|of course|"
     "sometimes|suddenly|meanwhile|apparently|finally|at first|in fact|for example|as usual"},
    {'o', 0,
     "of|in|with|for|on|from|at|by|about|into|through|after|before|over|between|against|without|"
     "under|around|during|behind|near|across|toward|beyond"},
    {'d', 0,
     "goes|comes|is|was|has|gets|takes|looks|finds|wants|tries|lives|works|falls|runs|turns|says|"
     "thinks|becomes|begins|leaves|returns|fights|follows|stands|waits|hides|travels|escapes|dies"},
    {'a', 1,
     "good|great|wonderful|excellent|beautiful|perfect|funny|brilliant|amazing|superb|enjoyable|"
     "fantastic|charming|powerful|clever|moving|lovely|touching|hilarious|impressive|fresh|"
     "memorable|delightful|stunning|gripping|terrific|honest|thrilling|convincing|captivating|"
     "witty|splendid|warm|smart|inspired|elegant|tender|masterful|dazzling|riveting"},
    {'a', -1,
     "bad|terrible|awful|boring|stupid|poor|horrible|dull|weak|silly|lame|ridiculous|annoying|"
     "predictable|pathetic|cheap|disappointing|pointless|slow|painful|mediocre|dreadful|tedious|"
     "confusing|forgettable|flat|laughable|bland|lazy|shallow|clumsy|wooden|embarrassing|messy|"
     "stale|hollow|tiresome|unwatchable|atrocious|sloppy"},
    {'v', 1, "loved|liked|enjoyed|admired|adored|appreciated|praised|treasured"},
    {'v', -1, "hated|disliked|regretted|despised|endured|loathed|detested|resented"},
    {'b', 1, "like|love|recommend|enjoy|admire|praise|appreciate|adore|treasure"},
    {'b', -1, "hate|dislike|regret|despise|mock|resent|loathe|detest|skip"},
    {'m', 1,
     "masterpiece|classic|gem|joy|delight|triumph|treasure|success|pleasure|marvel|winner|"
     "surprise"},
    {'m', -1,
     "disaster|mess|waste|failure|joke|bore|mistake|nightmare|flop|disgrace|torture|letdown"},
};
#define RULE_COUNT (sizeof rules / sizeof *rules)

/* Rules in codes: a word's number, or -1 - (2 * symbol + flip). */
typedef struct compiled {
    int32_t *codes;         /* all alternatives, one after the other */
    uint32_t *alternatives; /* where each begins in codes; one more at the end */
    size_t code_count, alternative_count;
    size_t first[RULE_COUNT + 1];  /* of a rule, in alternatives */
    signed char of_symbol[128][2]; /* [symbol][polarity > 0]: its rule */
    int32_t first_rare;            /* number of the most frequent invented word */
} compiled;

/* A review being written. */
typedef struct writer {
    const compiled *rules;
    clt_random random;
    int32_t names[NAMES];
    int32_t *words;
    size_t count;
} writer;

static int32_t add(clt_demo_grammar *grammar, const char *word, size_t bytes)
{
    memcpy(grammar->text + grammar->text_bytes, word, bytes); /* the zeroed text ends it */
    grammar->starts[grammar->word_count] = (uint32_t)grammar->text_bytes;
    grammar->text_bytes += bytes + 1;
    return grammar->word_count++;
}

/* The number of a word of the rules, added when it is new. There are a few hundred. */
static int32_t intern(clt_demo_grammar *grammar, const char *word, size_t bytes)
{
    for (int32_t k = 0; k < grammar->word_count; k++) {
        const char *known = grammar->text + grammar->starts[k];
        if (strncmp(known, word, bytes) == 0 && known[bytes] == 0) {
            return k;
        }
    }
    return add(grammar, word, bytes);
}

static void compile(clt_demo_grammar *grammar, compiled *made)
{
    for (size_t r = 0; r < RULE_COUNT; r++) {
        const char *text = rules[r].alternatives;
        unsigned char symbol = (unsigned char)rules[r].symbol;
        if (rules[r].polarity <= 0) {
            made->of_symbol[symbol][0] = (signed char)r;
        }
        if (rules[r].polarity >= 0) {
            made->of_symbol[symbol][1] = (signed char)r;
        }
        made->first[r] = made->alternative_count;
        made->alternatives[made->alternative_count++] = (uint32_t)made->code_count;
        while (*text != 0) {
            size_t bytes = strcspn(text, " |");
            if (*text == '%' || *text == '~') {
                made->codes[made->code_count++] = -1 - (2 * text[1] + (*text == '~'));
            } else if (bytes > 0) {
                made->codes[made->code_count++] = intern(grammar, text, bytes);
            }
            text += bytes;
            if (*text == '|') {
                made->alternatives[made->alternative_count++] = (uint32_t)made->code_count;
            }
            text += *text != 0;
        }
    }
    made->first[RULE_COUNT] = made->alternative_count;
    made->alternatives[made->alternative_count] = (uint32_t)made->code_count;
}

/* A pronounceable word for each rank, all different: syllables of an onset and a vowel, so that
 * they can be told apart, and a last consonant. Multiplying by a prime scatters neighbours. */
static size_t invent_word(uint32_t rank, char word[16])
{
    static const char onsets[20][3] = {"b",  "d", "f",  "l",  "m",  "n",  "r",  "s",  "t",  "v",
                                       "sp", "w", "br", "dr", "fl", "pr", "st", "tr", "th", "bl"};
    static const char vowels[] = "aeiou", ends[] = "nlrdm";
    bool is_short = rank < 2000;
    uint64_t number = is_short ? rank * UINT64_C(7919) % 50000 : rank * UINT64_C(1618033) % 5000000;
    size_t bytes = 0;
    char end = ends[number % 5];
    number /= 5;
    for (int syllable = 0; syllable < (is_short ? 2 : 3); syllable++) {
        const char *onset = onsets[number % 20];
        size_t length = strlen(onset);
        memcpy(word + bytes, onset, length);
        bytes += length;
        word[bytes++] = vowels[number / 20 % 5];
        number /= 100;
    }
    word[bytes++] = end;
    word[bytes] = 0;
    return bytes;
}

static void add_rare_words(clt_demo_grammar *grammar, compiled *made)
{
    char invented[16];
    made->first_rare = grammar->word_count;
    for (uint32_t rank = 0; rank < RARE_WORDS; rank++) {
        size_t bytes = invent_word(rank, invented);
        (void)add(grammar, invented, bytes);
    }
}

clt_status clt_demo_grammar_create(clt_demo_grammar *grammar, clt_error *error)
{
    size_t rule_bytes = 0;
    static const char what[] = "the demonstration's grammar";
    *grammar = (clt_demo_grammar){0};
    for (size_t r = 0; r < RULE_COUNT; r++) {
        rule_bytes += strlen(rules[r].alternatives) + 1;
    }
    /* A code and an alternative take a byte of the rules at least, so this is room enough. */
    compiled *made = clt_alloc(1, sizeof *made, what, error);
    grammar->rules = made;
    grammar->text = clt_alloc(rule_bytes + RARE_WORDS * 16, 1, what, error);
    grammar->starts = clt_alloc(rule_bytes + RARE_WORDS, sizeof *grammar->starts, what, error);
    if (made == NULL || grammar->text == NULL || grammar->starts == NULL) {
        goto fail;
    }
    made->codes = clt_alloc(rule_bytes, sizeof *made->codes, what, error);
    made->alternatives = clt_alloc(rule_bytes + 1, sizeof *made->alternatives, what, error);
    if (made->codes == NULL || made->alternatives == NULL) {
        goto fail;
    }
    compile(grammar, made);
    add_rare_words(grammar, made);
    return CLT_OK;
fail:
    clt_demo_grammar_destroy(grammar);
    return CLT_FAILED;
}

void clt_demo_grammar_destroy(clt_demo_grammar *grammar)
{
    compiled *made = grammar->rules;
    if (made != NULL) {
        free(made->codes);
        free(made->alternatives);
        free(made);
    }
    free(grammar->starts);
    free(grammar->text);
    *grammar = (clt_demo_grammar){0};
}

/* The inverse of the distribution function of p(x) ~ (x + SHIFT)^-EXPONENT on [0, RARE_WORDS). */
static int32_t draw_rare(writer *to)
{
    const double power = 1.0 - RARE_EXPONENT;
    double tail = pow(1.0 + RARE_WORDS / RARE_SHIFT, power);
    double u = clt_random_uniform(&to->random);
    double x = RARE_SHIFT * (pow(1.0 - u * (1.0 - tail), 1.0 / power) - 1.0);
    int32_t rank = (int32_t)x;
    return to->rules->first_rare + (rank < RARE_WORDS ? rank : RARE_WORDS - 1);
}

static void add_word(writer *to, int32_t word)
{
    if (to->count < CLT_DEMO_REVIEW_MAX) {
        to->words[to->count++] = word;
    }
}

/* Writes a phrase of the symbol. The rules nest only a few levels. */
static void expand(writer *to, char symbol, bool positive)
{
    const compiled *from = to->rules;
    if (symbol == 'w') {
        add_word(to, draw_rare(to));
        return;
    }
    if (symbol == 'c') {
        add_word(to, to->names[clt_random_below(&to->random, NAMES)]);
        return;
    }
    size_t r = (size_t)from->of_symbol[(unsigned char)symbol][positive];
    size_t choices = from->first[r + 1] - from->first[r];
    double u = clt_random_uniform(&to->random);
    if (symbol >= 'a') {
        u *= u; /* the earlier, the more often */
    }
    size_t choice = from->first[r] + (size_t)(u * (double)choices);
    for (uint32_t k = from->alternatives[choice]; k < from->alternatives[choice + 1]; k++) {
        int32_t code = from->codes[k];
        if (code >= 0) {
            add_word(to, code);
        } else {
            expand(to, (char)((-1 - code) / 2), positive != ((-1 - code) % 2 == 1));
        }
    }
}

size_t clt_demo_grammar_review(const clt_demo_grammar *grammar, uint64_t seed, uint32_t review,
                               bool positive, int32_t *words)
{
    writer to = {.rules = grammar->rules,
                 .random = clt_random_stream(seed, CLT_RANDOM_DEMO, review),
                 .words = words};
    double length = exp(LENGTH_LOG_MEAN + LENGTH_LOG_DEVIATION * clt_random_normal(&to.random));
    for (int k = 0; k < NAMES; k++) {
        to.names[k] = draw_rare(&to);
    }
    if (length > CLT_DEMO_REVIEW_MAX - 50) { /* so that the last sentence has room */
        length = CLT_DEMO_REVIEW_MAX - 50;
    }
    while (to.count < LENGTH_MIN || (double)to.count < length) {
        bool judges = clt_random_uniform(&to.random) < JUDGES;
        double share = judges ? AGREES : 0.5;
        bool agrees = clt_random_uniform(&to.random) < share;
        expand(&to, judges ? 'J' : 'T', positive == agrees);
    }
    return to.count;
}
