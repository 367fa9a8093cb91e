// An exception thrown through frames with destructors: the unwinder, the dynamic linker's tables, and the heap.

#include <map>
#include <stdexcept>
#include <string>

struct Counter {
    static int living;
    Counter() { living++; }
    ~Counter() { living--; }
};

int Counter::living;

static int sink(int depth)
{
    Counter counter;

    if (depth == 0)
        throw std::runtime_error("the bottom is reached, " + std::string(40, '.'));
    return sink(depth - 1) + counter.living;
}

int main()
{
    std::map<std::string, int> caught;

    for (int round = 0; round < 3; round++)
        try {
            sink(round * 2);
        } catch (const std::runtime_error &error) {
            caught[error.what()] += Counter::living + 1;
        }
    return caught.size() == 1 && caught.begin()->second == 3 ? 0 : 1;
}
