// system::File, FileStatus, replace_file(), remove_file(): files of Windows.
#pragma once

#if defined(_WIN32)

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <io.h>
#include <share.h>
#include <sys/locking.h>
#include <sys/stat.h>

// Declared here, as Windows does: <windows.h> would bring its macros to all who include this.
extern "C" {
__declspec(dllimport) int __stdcall MoveFileExW(wchar_t const*, wchar_t const*, unsigned long);
__declspec(dllimport) unsigned long __stdcall GetLastError();
}

namespace syncopate::inline v0_1::detail::system {

/// The C library's functions say what POSIX's would.
inline std::error_code last_file_error() noexcept {
    return {errno, std::generic_category()};
}

/// What there is under a path, or of an open file.
class FileStatus {
public:
    /// If there is nothing, exists() is false, and that is no error.
    static FileStatus of(std::filesystem::path const& path, std::error_code& error) noexcept {
        FileStatus result;
        result.exists_ = ::_wstat64(path.c_str(), &result.status_) == 0;
        if (!result.exists_ && errno != ENOENT)
            error = last_file_error();
        return result;
    }

    bool exists() const noexcept { return exists_; }
    bool is_directory() const noexcept { return is_a(_S_IFDIR); }
    bool is_regular() const noexcept { return is_a(_S_IFREG); }
    std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(status_.st_size); }

private:
    friend class File;

    bool is_a(int kind) const noexcept { return exists_ && (status_.st_mode & _S_IFMT) == kind; }

    struct _stat64 status_{};
    bool exists_ = false;
};

class File {
public:
    enum class Access : int {
        read = _O_RDONLY,
        write_anew = _O_WRONLY | _O_CREAT | _O_TRUNC,
        write_new = _O_WRONLY | _O_CREAT | _O_EXCL,
        append = _O_WRONLY | _O_APPEND,
        append_or_make = _O_WRONLY | _O_CREAT | _O_APPEND,
        go_on = _O_RDWR | _O_CREAT,
    };
    /// Without effect: its directory says who may read a file that is made.
    enum class Rights { of_all, of_owner };

    File() noexcept = default;
    /// Afterwards it is open, or the error says why not.
    File(
        std::filesystem::path const& path,
        Access access,
        std::error_code& error,
        Rights /*rights*/ = Rights::of_all) noexcept
        : descriptor_(::_wsopen(
              path.c_str(),
              static_cast<int>(access) | _O_BINARY | _O_NOINHERIT,
              _SH_DENYNO,
              _S_IREAD | _S_IWRITE)) {
        if (descriptor_ < 0)
            error = last_file_error();
    }
    File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    File& operator=(File&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~File() {
        if (is_open())
            ::_close(descriptor_);
    }

    bool is_open() const noexcept { return descriptor_ >= 0; }

    std::error_code close() noexcept {
        bool const is_closed = ::_close(std::exchange(descriptor_, -1)) == 0;
        return is_closed ? std::error_code() : last_file_error();
    }

    FileStatus status(std::error_code& error) const noexcept {
        FileStatus result;
        result.exists_ = ::_fstat64(descriptor_, &result.status_) == 0;
        if (!result.exists_)
            error = last_file_error();
        return result;
    }

    /// Returns the number of bytes, zero at the end.
    std::size_t read(char* data, std::size_t most, std::error_code& error) noexcept {
        return checked(::_read(descriptor_, data, size_for_call(most)), error);
    }

    /// By one call of the system. Returns the number of bytes, which may be less than all.
    std::size_t write_some(std::string_view data, std::error_code& error) const noexcept {
        return checked(::_write(descriptor_, data.data(), size_for_call(data.size())), error);
    }

    std::error_code write_at(std::uint64_t offset, std::string_view data) noexcept {
        if (::_lseeki64(descriptor_, static_cast<std::int64_t>(offset), SEEK_SET) < 0)
            return last_file_error();
        std::error_code error;
        while (!data.empty() && !error) {
            auto const count = write_some(data, error);
            if (count == 0 && !error)
                return std::make_error_code(std::errc::io_error);
            data.remove_prefix(count);
        }
        return error;
    }

    /// Sets the size. What is written next goes to the end.
    std::error_code truncate(std::uint64_t size) noexcept {
        auto const end = static_cast<std::int64_t>(size);
        if (int const error = ::_chsize_s(descriptor_, end); error != 0)
            return {error, std::generic_category()};
        return ::_lseeki64(descriptor_, end, SEEK_SET) == end ? std::error_code()
                                                              : last_file_error();
    }

    /// Returns the offset of the end.
    std::uint64_t seek_to_end(std::error_code& error) noexcept {
        auto const end = ::_lseeki64(descriptor_, 0, SEEK_END);
        if (end < 0)
            error = last_file_error();
        return static_cast<std::uint64_t>(end < 0 ? 0 : end);
    }

    /// Returns when the bytes are on the disk. Does nothing for a file without one, such as a pipe.
    std::error_code flush() noexcept {
        bool const is_done = ::_commit(descriptor_) == 0 || errno == EBADF || errno == EINVAL;
        return is_done ? std::error_code() : last_file_error();
    }

    /// Locks the file until it is closed. Returns false if somebody else has locked it. What is locked is one byte,
    /// far behind the end of most files.
    bool lock() noexcept {
        constexpr std::int64_t far_behind = 0x7fff'0000;
        auto const here = ::_lseeki64(descriptor_, 0, SEEK_CUR);
        bool const is_there = ::_lseeki64(descriptor_, far_behind, SEEK_SET) == far_behind;
        bool const is_locked = is_there && ::_locking(descriptor_, _LK_NBLCK, 1) == 0;
        ::_lseeki64(descriptor_, here, SEEK_SET);
        return is_locked;
    }

    /// The directory has given the new file its rights.
    std::error_code take_over(FileStatus const& /*old*/) noexcept { return {}; }

private:
    static unsigned size_for_call(std::size_t size) noexcept {
        return static_cast<unsigned>((std::min)(size, std::size_t{1} << 30));
    }
    static std::size_t checked(int count, std::error_code& error) noexcept {
        if (count < 0)
            error = last_file_error();
        return static_cast<std::size_t>(count < 0 ? 0 : count);
    }

    int descriptor_ = -1;
};

/// Renames a file over another one in one step: whoever opens `path` meanwhile gets the old file or the new one.
/// Refused while somebody has the old one open.
inline std::error_code replace_file(
    std::filesystem::path const& by, std::filesystem::path const& path) noexcept {
    constexpr unsigned long replace_and_write_through = 1 | 8;
    if (::MoveFileExW(by.c_str(), path.c_str(), replace_and_write_through) != 0)
        return {};
    return {static_cast<int>(::GetLastError()), std::system_category()};
}

inline void remove_file(std::filesystem::path const& path) noexcept {
    ::_wunlink(path.c_str());
}

}  // namespace syncopate::inline v0_1::detail::system

#endif
