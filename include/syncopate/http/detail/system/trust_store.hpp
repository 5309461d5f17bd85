// system::use_trust_store(): the authorities that the system trusts, by its own file.
#pragma once

#if defined(_WIN32)
#include <syncopate/http/detail/system/trust_store_windows.hpp>
#else
#include <syncopate/http/detail/system/trust_store_posix.hpp>
#endif
