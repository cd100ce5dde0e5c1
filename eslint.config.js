// Type-aware lint: what it protects above all is determinism (no Node in workflows) and no lost promise.
import tseslint from 'typescript-eslint';
import { builtinModules } from 'node:module';

const nodeOnly = [
  ...builtinModules,
  ...builtinModules.map((name) => `node:${name}`),
  'zod',
  'execa',
  'pg',
  'undici',
  'yaml',
];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.cache/', 'examples/shop/', '**/*.js', '**/*.mjs'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
    },
  },
  {
    files: ['src/workflows/**/*.ts'],
    rules: {
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: nodeOnly.map((name) => ({
            name,
            allowTypeImports: true,
            message: 'A workflow only decides: leave Node and zod to activities.',
          })),
          patterns: [
            {
              group: ['**/activities/*', '**/lib/*'],
              allowTypeImports: true,
              message: 'Import activities as types only.',
            },
          ],
        },
      ],
    },
  },
);
