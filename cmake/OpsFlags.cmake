# One place for the language, the warnings and the sanitizers.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

option(OPS_DEVELOPER "warnings are errors" OFF)
set(OPS_SANITIZE "" CACHE STRING "empty, address, thread or fuzzer")

add_compile_definitions(_GNU_SOURCE)
# A member that an initializer leaves out is zero, which is its default everywhere here: a struct may grow one.
add_compile_options(-Wall -Wextra -Wno-missing-field-initializers)
if(OPS_DEVELOPER)
    add_compile_options(-Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings
                        -Wcast-qual -Wformat=2 -Wundef -Wvla -Wno-format-nonliteral)
endif()
add_compile_options(-fstack-protector-strong)
add_link_options(-Wl,-z,relro,-z,now)

if(OPS_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
elseif(OPS_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
    add_link_options(-fsanitize=thread)
elseif(OPS_SANITIZE STREQUAL "fuzzer")
    add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
else()
    add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
