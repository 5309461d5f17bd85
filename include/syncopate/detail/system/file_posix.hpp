// system::File, FileStatus, replace_file(), remove_file(): files of POSIX systems.
#pragma once

#if !defined(_WIN32)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail::system {

inline std::error_code last_file_error() noexcept {
    return {errno, std::system_category()};
}

/// What there is under a path, or of an open file.
class FileStatus {
public:
    /// If there is nothing, exists() is false, and that is no error.
    static FileStatus of(std::filesystem::path const& path, std::error_code& error) noexcept {
        FileStatus result;
        result.exists_ = ::stat(path.c_str(), &result.status_) == 0;
        if (!result.exists_ && errno != ENOENT)
            error = last_file_error();
        return result;
    }

    bool exists() const noexcept { return exists_; }
    bool is_directory() const noexcept { return exists_ && S_ISDIR(status_.st_mode); }
    bool is_regular() const noexcept { return exists_ && S_ISREG(status_.st_mode); }
    std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(status_.st_size); }

private:
    friend class File;

    struct stat status_{};
    bool exists_ = false;
};

class File {
public:
    /// What a file is opened for, and who may read one that is made: all whom the process's mask allows, or its owner
    /// alone.
    enum class Access : int {
        // A pipe without a writer would block, and is no regular file anyway.
        read = O_RDONLY | O_NONBLOCK,
        write_anew = O_WRONLY | O_CREAT | O_TRUNC,
        write_new = O_WRONLY | O_CREAT | O_EXCL,
        append = O_WRONLY | O_APPEND,
        append_or_make = O_WRONLY | O_CREAT | O_APPEND,
        go_on = O_RDWR | O_CREAT | O_NOFOLLOW,  // no link of somebody else's
    };
    enum class Rights : int { of_all = 0666, of_owner = 0600 };

    File() noexcept = default;
    /// Afterwards it is open, or the error says why not.
    File(
        std::filesystem::path const& path,
        Access access,
        std::error_code& error,
        Rights rights = Rights::of_all) noexcept
        : descriptor_(::open(
              path.c_str(),
              static_cast<int>(access) | O_CLOEXEC | O_NOCTTY,
              static_cast<mode_t>(rights))) {
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
            ::close(descriptor_);
    }

    bool is_open() const noexcept { return descriptor_ >= 0; }

    /// Some file systems report only here that there is no room.
    std::error_code close() noexcept {
        bool const is_closed = ::close(std::exchange(descriptor_, -1)) == 0 || errno == EINTR;
        return is_closed ? std::error_code() : last_file_error();
    }

    FileStatus status(std::error_code& error) const noexcept {
        FileStatus result;
        result.exists_ = ::fstat(descriptor_, &result.status_) == 0;
        if (!result.exists_)
            error = last_file_error();
        return result;
    }

    /// Returns the number of bytes, zero at the end.
    std::size_t read(char* data, std::size_t most, std::error_code& error) noexcept {
        return repeat(error, [&] { return ::read(descriptor_, data, most); });
    }

    /// By one call of the system. Returns the number of bytes, which may be less than all.
    std::size_t write_some(std::string_view data, std::error_code& error) const noexcept {
        return repeat(error, [&] { return ::write(descriptor_, data.data(), data.size()); });
    }

    std::error_code write_at(std::uint64_t offset, std::string_view data) noexcept {
        std::error_code error;
        while (!data.empty() && !error) {
            auto const count = repeat(error, [&] {
                return ::pwrite(descriptor_, data.data(), data.size(), static_cast<off_t>(offset));
            });
            if (count == 0 && !error)
                return std::make_error_code(std::errc::io_error);
            data.remove_prefix(count);
            offset += count;
        }
        return error;
    }

    /// Sets the size. What is written next goes to the end.
    std::error_code truncate(std::uint64_t size) noexcept {
        auto const end = static_cast<off_t>(size);
        bool const is_done =
            ::ftruncate(descriptor_, end) == 0 && ::lseek(descriptor_, end, SEEK_SET) == end;
        return is_done ? std::error_code() : last_file_error();
    }

    /// Returns the offset of the end.
    std::uint64_t seek_to_end(std::error_code& error) noexcept {
        auto const end = ::lseek(descriptor_, 0, SEEK_END);
        if (end < 0)
            error = last_file_error();
        return static_cast<std::uint64_t>(end < 0 ? 0 : end);
    }

    /// Returns when the bytes are on the disk. Does nothing for a file without one, such as a pipe.
    std::error_code flush() noexcept {
        bool const is_done = ::fsync(descriptor_) == 0 || errno == EINVAL || errno == ENOTSUP;
        return is_done ? std::error_code() : last_file_error();
    }

    /// Locks the file until it is closed. Returns false if somebody else has locked it.
    bool lock() noexcept { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0; }

    /// Gives the file the rights of the old one, and its owner and group as far as the system allows that. If the
    /// group is another one, it gets no rights.
    std::error_code take_over(FileStatus const& other) noexcept {
        constexpr mode_t rights = 0777;
        constexpr mode_t rights_without_group = 0707;
        constexpr auto unchanged = static_cast<uid_t>(-1);
        auto const& old = other.status_;
        bool const has_owner =
            old.st_uid == ::geteuid() || ::fchown(descriptor_, old.st_uid, old.st_gid) == 0;
        struct stat made{};
        bool const has_group =
            (::fstat(descriptor_, &made) == 0 && made.st_gid == old.st_gid) ||
            ::fchown(descriptor_, has_owner ? old.st_uid : unchanged, old.st_gid) == 0;
        if (::fchmod(descriptor_, old.st_mode & (has_group ? rights : rights_without_group)) != 0)
            return last_file_error();
        return {};
    }

private:
    template <class Call>
    static std::size_t repeat(std::error_code& error, Call call) noexcept {
        auto count = call();
        while (count < 0 && errno == EINTR)
            count = call();
        if (count < 0)
            error = last_file_error();
        return static_cast<std::size_t>(count < 0 ? 0 : count);
    }

    int descriptor_ = -1;
};

/// Renames a file over another one in one step: whoever opens `path` meanwhile gets the old file or the new one.
inline std::error_code replace_file(
    std::filesystem::path const& by, std::filesystem::path const& path) noexcept {
    return ::rename(by.c_str(), path.c_str()) == 0 ? std::error_code() : last_file_error();
}

inline void remove_file(std::filesystem::path const& path) noexcept {
    ::unlink(path.c_str());
}

}  // namespace syncopate::inline v0_1::detail::system

#endif
