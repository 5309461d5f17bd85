// The main program of the unit tests, apart because Catch2 2 takes seconds to compile it. It ends the
// program with a failure after a test case that leaves something behind.

#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

using Listener = Catch::EventListenerBase;
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

using Listener = Catch::TestEventListenerBase;
#endif

#include "support/audit.hpp"

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

namespace {

class AuditListener : public Listener {
public:
    using Listener::Listener;

    void testCaseStarting(Catch::TestCaseInfo const& test) override {
        name_ = test.name;
        audit_.emplace();
    }

    void testCaseEnded(Catch::TestCaseStats const&) override {
        auto const leftovers = audit_->leftovers();
        if (leftovers.empty())
            return;
        // An assertion would come too late to count: the test case is over.
        std::cout << std::flush;
        std::cerr << '"' << name_ << "\" left behind:\n" << leftovers << std::flush;
        std::_Exit(EXIT_FAILURE);
    }

private:
    std::string name_;
    std::optional<support::Audit> audit_;
};

CATCH_REGISTER_LISTENER(AuditListener)

}  // namespace

int main(int argc, char* argv[]) {
    Catch::Session session;
    // "[#gather]" names the test cases of gather.cpp.
    session.configData().filenamesAsTags = true;
    return session.run(argc, argv);
}
