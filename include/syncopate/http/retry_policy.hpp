// RetryPolicy: when a failed request is sent again, and how long the session waits before that.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

/// When a request is sent again that has failed, or that the server has answered by a status that asks for patience.
///
/// ```cpp
/// http::Client client(http::SessionOptions().retries(
///     http::RetryPolicy().attempts(4).backoff(200ms, 10s).statuses({429, 502, 503, 504})));
/// ```
///
/// Only what may be repeated is: a request whose method is idempotent (not POST and PATCH), RFC 9110, 9.2.2, and whose
/// body can be sent twice; and any request of which nothing has been sent, as no connection could be made. A failure
/// that would come again, such as a certificate that is refused, is not retried, and neither is the failure of a body
/// that is being read. Each attempt begins anew at the request's URL. All of them, and the waits between them, share one
/// SessionOptions::total_timeout or Request::timeout(): a wait that would pass it is not begun, and the last response or
/// failure comes out.
///
/// Threads:   one at a time, as with any value.
/// Semantics: urllib3.util.Retry, which counts the first attempt apart.
class RetryPolicy {
public:
    /// The type of the times to wait.
    using Duration = std::chrono::nanoseconds;

    /// How often a request is sent at most, the first time included. Default: 3. Zero counts as 1.
    RetryPolicy& attempts(std::size_t value) noexcept {
        attempts_ = (std::max<std::size_t>)(value, 1);
        return *this;
    }
    std::size_t attempts() const noexcept { return attempts_; }

    /// The wait before the second attempt, which is doubled for each further one, and the longest. A quarter at most is
    /// added by chance, so that many clients do not come back all at once. A Retry-After field of the response counts
    /// in its place, and may ask for more. Default: 200 ms and 10 s.
    RetryPolicy& backoff(Duration first, Duration most) noexcept {
        first_ = (std::max)(first, Duration::zero());
        most_ = (std::max)(most, Duration::zero());
        return *this;
    }
    /// The wait before the second attempt.
    Duration first_backoff() const noexcept { return first_; }
    /// The longest wait that no server asks for.
    Duration most_backoff() const noexcept { return most_; }

    /// The statuses after which a request is sent again. Default: 429, 502, 503, 504.
    RetryPolicy& statuses(std::vector<int> values) noexcept {
        statuses_ = std::move(values);
        return *this;
    }
    std::vector<int> const& statuses() const noexcept { return statuses_; }

private:
    std::size_t attempts_ = 3;
    Duration first_ = std::chrono::milliseconds(200);
    Duration most_ = std::chrono::seconds(10);
    std::vector<int> statuses_{429, 502, 503, 504};
};

}  // namespace syncopate::inline v0_1::http
