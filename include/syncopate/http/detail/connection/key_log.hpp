// KeyLog: the file to which the keys of TLS connections are appended.
#pragma once

#include <syncopate/detail/system/file.hpp>

#include <string>
#include <string_view>
#include <system_error>

namespace syncopate::inline v0_1::http::detail {

/// In the format of NSS, one line a secret. Others may append to the same file: each line is one write.
class KeyLog {
public:
    /// Only its owner may read a file that is made. Throws: std::system_error with the path.
    explicit KeyLog(std::string const& path) {
        std::error_code error;
        file_ = File(path, File::Access::append_or_make, error, File::Rights::of_owner);
        if (error)
            throw std::system_error(error, path);
    }

    /// A line that cannot be written is missing: no connection fails for it.
    void write(std::string_view line) const {
        auto const text = std::string(line) + '\n';
        std::error_code ignored;
        file_.write_some(text, ignored);
    }

private:
    using File = ::syncopate::detail::system::File;

    File file_;
};

}  // namespace syncopate::inline v0_1::http::detail
