// SYNCOPATE_DECL: what stands before a function that is defined in an .ipp file. See <syncopate/src.hpp>.
#pragma once

/// `inline`, unless SYNCOPATE_SEPARATE_COMPILATION is defined: then the function is compiled in one unit only.
///
/// A virtual function is declared with it, too, or with `inline`. If the first of a class that has no body there is
/// not declared inline, and is defined inline later, GCC compiles the table of the class, and so all of its virtual
/// functions, in every unit, also where nobody uses the class.
#ifdef SYNCOPATE_SEPARATE_COMPILATION
#define SYNCOPATE_DECL
#else
#define SYNCOPATE_DECL inline
#endif
