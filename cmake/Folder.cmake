# dg_folder(name SOURCES a.c b.c LINKS base PkgConfig::X): one static target per folder of src/.
# LINKS of other folders are the arrows of the picture in docs/architecture.md.
function(dg_folder name)
  cmake_parse_arguments(F "" "" "SOURCES;LINKS" ${ARGN})
  add_library(dg_${name} STATIC ${F_SOURCES})
  dg_compile_options(dg_${name})
  target_link_libraries(dg_${name} PUBLIC ${F_LINKS})
endfunction()

function(dg_compile_options target)
  target_compile_features(${target} PUBLIC c_std_11)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON C_EXTENSIONS ON)
  # Errors know their place in the source tree, but not where that lay when it was built.
  target_compile_options(${target} PRIVATE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
  # No fast-math: NaN must stay visible. No contraction: the same bits from every compiler level.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes -ffp-contract=off
    $<$<BOOL:${DAOGOU_WERROR}>:-Werror>)
  if(DAOGOU_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(DAOGOU_SANITIZE OR DAOGOU_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-omit-frame-pointer
      -fno-sanitize-recover=undefined) # ctest shows what a test prints only when it fails
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
  endif()
endfunction()
