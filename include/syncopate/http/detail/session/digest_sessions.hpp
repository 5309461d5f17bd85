// DigestSessions: the challenges of servers that a session knows how to answer.
#pragma once

#include <syncopate/http/detail/message/digest_auth.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// By origin and user. What follows the first request to a server is answered before the server asks.
class DigestSessions {
public:
    std::shared_ptr<DigestSession> find(std::string const& key) const {
        auto const found = sessions_.find(key);
        return found == sessions_.end() ? nullptr : found->second;
    }
    void keep(std::string const& key, std::shared_ptr<DigestSession> session) {
        constexpr std::size_t most = 256;
        if (sessions_.size() >= most)
            sessions_.clear();
        sessions_.insert_or_assign(key, std::move(session));
    }
    void forget(std::string const& key) noexcept { sessions_.erase(key); }

private:
    std::map<std::string, std::shared_ptr<DigestSession>> sessions_;
};

}  // namespace syncopate::inline v0_1::http::detail
