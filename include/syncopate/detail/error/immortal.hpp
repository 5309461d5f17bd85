// immortal: the one object of a type, which is never destroyed.
#pragma once

namespace syncopate::inline v0_1::detail {

/// For what is still used after main has ended: a std::error_category, to which every error code refers.
template <class T>
[[gnu::visibility("default")]] T const& immortal() noexcept {
    union Holder {
        T object{};
        constexpr Holder() noexcept {}
        ~Holder() {}
    };
    static constinit Holder const holder;
    return holder.object;
}

}  // namespace syncopate::inline v0_1::detail
