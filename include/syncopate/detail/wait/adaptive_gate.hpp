// AdaptiveGate: decides whether an attempt that may fail is worth its cost.
#pragma once

namespace syncopate::inline v0_1::detail {

/// Each success gives credit for some failures. Without credit, one attempt in many is let through.
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

}  // namespace syncopate::inline v0_1::detail
