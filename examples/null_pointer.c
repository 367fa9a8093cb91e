/* A list of players; after a new game is begun, one of them points to nobody. */

#include <stddef.h>
#include <stdlib.h>

enum { ROUNDS = 3 };

struct player {
    long points[ROUNDS];
    struct player *next;
};

static struct player *join(struct player *others)
{
    struct player *player = calloc(1, sizeof *player);

    player->next = others;
    return player;
}

static void begin(struct player *player)
{
    for (int round = 0; round <= ROUNDS; round++)
        player->points[round] = 0;
}

static long total(const struct player *player, int players)
{
    long sum = 0;

    for (int n = 0; n < players; n++) {
        sum += player->points[0];
        player = player->next;
    }
    return sum;
}

int main(void)
{
    struct player *list = NULL;

    for (int n = 0; n < 4; n++)
        list = join(list);
    begin(list->next);
    return (int) total(list, 4);
}
