// A second translation unit with all of the library in it: a definition that is not inline would
// collide when the two are linked.
#include "answer.hpp"

#include <syncopate/syncopate.hpp>

namespace {

syncopate::AsyncGenerator<int> halves() {
    co_yield 20;
    co_yield 22;
}

}  // namespace

boost::asio::awaitable<int> answer() {
    syncopate::AsyncGenerator<int> numbers = halves();
    int sum = 0;
    while (auto number = co_await numbers.anext())
        sum += *number;
    co_return sum;
}
