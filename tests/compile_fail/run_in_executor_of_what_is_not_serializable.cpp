// expected-error: no matching function for call to .*run_in_executor
// expected-error: SerializableParameters
#include <syncopate/process_pool.hpp>

#include <string>
#include <string_view>

std::size_t length_of_text(std::string const& text) {
    return text.size();
}

std::size_t length_of_view(std::string_view text) {
    return text.size();
}

void use(syncopate::ProcessPool& pool) {
#ifdef CONTROL
    static_cast<void>(syncopate::run_in_executor(pool, length_of_text, "text"));
#else
    static_cast<void>(syncopate::run_in_executor(pool, length_of_view, "text"));  // it stays here
#endif
}
