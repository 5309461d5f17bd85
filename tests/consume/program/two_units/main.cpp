#include "answer.hpp"
#include <syncopate/syncopate.hpp>

#include <iostream>

int main() {
    syncopate::ThreadRunner runner;
    int const result = runner.run(answer());
    std::cout << "the answer is " << result << "\n";
    return result == 42 ? 0 : 1;
}
