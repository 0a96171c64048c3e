// The build hands style sheets to the scripts as minified text.
declare module "*.css" {
  const text: string;
  export default text;
}
