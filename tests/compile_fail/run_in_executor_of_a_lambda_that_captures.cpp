// expected-error: no matching function for call to .*run_in_executor
// expected-error: PlainFunction
#include <syncopate/process_pool.hpp>

void use(syncopate::ProcessPool& pool, int number) {
#ifdef CONTROL
    static_cast<void>(syncopate::run_in_executor(pool, [](int each) { return each; }, number));
#else
    static_cast<void>(syncopate::run_in_executor(pool, [number] { return number; }));
#endif
}
