// AdaptiveGate: lets through what succeeds now and then, and otherwise only a try once in a while.
#pragma once

namespace syncopate::detail {

/// Whether something that may be in vain is worth trying: as long as it succeeds now and then, and
/// otherwise once in a while.
class AdaptiveGate {
public:
    bool is_worth_it() noexcept { return credit_ > 0 || ++skipped_ % retry_every == 0; }
    void record(bool success) noexcept {
        credit_ = success ? full_credit : credit_ - (credit_ > 0);
    }

private:
    static constexpr int full_credit = 4;
    static constexpr unsigned retry_every = 32;

    int credit_ = full_credit;
    unsigned skipped_ = 0;
};

}  // namespace syncopate::detail
